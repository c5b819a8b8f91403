# Gives everything below FOLDER its owner's execute bit, without which Samba refuses full access.
#
#   FOLDER
#
# The walk goes on in the background, in a session of its own. Asked again, the script says how far it is: "more", or
# "done". A walk that was ended, as revoke.sh does, begins anew. Files that cannot be changed are left: they can be run all
# the same. Bash, run inside the container as smbd's user.
set -u

folder=$1
walk=/tmp/make-executable${folder//\//-} # in memory: what it says does not outlive the server
WAIT_TENTHS=10

# Walks again while there is something left that was not there before, because files are moved meanwhile.
walker='
folder=$1 walk=$2
exec 9>"$walk/lock" && flock -n 9 || exit
lacking() { find "$folder" -xdev \( -type f -o -type d \) ! -perm -u=x "$@" 2>/dev/null; }
for _ in 1 2 3; do
  lacking -exec chmod -f u+x {} +
  [[ $(lacking -print -quit) ]] || break
done
echo done >"$walk/state"
'

mkdir -p "$walk"
if [[ ! -e $walk/state ]] && flock -n "$walk/lock" true; then
  setsid bash -c "$walker" walker "$folder" "$walk" </dev/null >/dev/null 2>&1 &
  echo $! >"$walk/pid"
  disown
fi
for ((tenth = 0; tenth < WAIT_TENTHS; tenth++)); do
  if [[ -e $walk/state ]]; then
    cat "$walk/state"
    exit
  fi
  sleep 0.1
done
echo more
