# Prints how much is in a recycle bin, "BYTES FILES", and whether anything empties it: "emptied", or "kept".
#
#   BIN
#
# Bash, run inside the container as smbd's user. Follows no link. Says nothing of a bin that takes too long.
set -uo pipefail

WAIT_SECONDS=4
emptied=kept # by an image of a former release
if command -v empty-bins >/dev/null; then
  emptied=emptied
  setsid --fork empty-bins </dev/null >/dev/null 2>&1 # if the agent, which keeps it running, was killed
fi
held='0 0'
if [[ -d $1 && ! -L $1 ]]; then
  # What is removed meanwhile is no failure.
  held=$(timeout --signal=KILL $WAIT_SECONDS find -P "$1" -xdev -mindepth 1 ! -type d -printf '%b\n' 2>/dev/null |
    awk '{ blocks += $1 } END { printf "%.0f %d", blocks * 512, NR }')
  if ((PIPESTATUS[0] >= 124)); then exit 1; fi
fi
echo "$held $emptied"
