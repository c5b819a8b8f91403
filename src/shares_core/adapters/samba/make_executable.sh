# Gives everything below FOLDER its owner's execute bit, without which Samba refuses full access.
#
#   FOLDER
#
# The walk goes on in the background. Asked again, the script says how far it is: "more", or "done" once nothing lacks
# the bit. It begins anew after the server was started again. Bash, run inside the container as smbd's user.
set -u

folder=$1
walk=/tmp/make-executable${folder//\//-} # a folder in memory: what it says does not outlive the server
WAIT_SECONDS=15

lacking() {
  find "$folder" -xdev \( -type f -o -type d \) ! -perm -u=x "$@" 2>/dev/null
}

# A file that goes meanwhile is no failure. What counts is whether the second look finds any.
walk() {
  lacking -exec chmod -f u+x {} +
  lacking -print -quit >"$walk/left"
  mv "$walk/left" "$walk/found"
}

if mkdir "$walk" 2>/dev/null; then
  (walk) </dev/null >/dev/null 2>&1 &
  disown
fi

read -r now _ </proc/uptime
end=$((${now%.*} + WAIT_SECONDS))
until [[ -e $walk/found ]]; do
  read -r now _ </proc/uptime
  if ((${now%.*} >= end)); then
    echo more
    exit
  fi
  sleep 0.05
done
found=$(<"$walk/found")
rm -rf "$walk"
if [[ $found ]]; then
  echo "$found cannot be made executable" >&2
  exit 1
fi
echo done
