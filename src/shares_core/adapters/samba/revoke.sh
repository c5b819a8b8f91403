# Ends what clients have open, and shows what it saw: the host believes these lists, and nothing else.
#
#   close-share [--returning] SHARE FOLDER           closes the share, which serves that folder, for everyone
#   close-user [--returning] SHARE FOLDER ACCOUNT... closes it in each process with a session of one of the accounts
#   end-user ACCOUNT                                 ends each process with a session of the account
#   end-removed FOLDER                               ends each with a session of an account that is gone, for good
#   end-connections PID...                           ends each of these processes
#   count-user SHARE ACCOUNT...                      ends nothing, and lists what close-user would close
#
# With --returning, whoever is thrown out may rightly come back at once. Bash, run inside the container as smbd's user. Prints "settled", then of each list its lines and their number.
set -u
trap '' HUP PIPE # a SIGHUP that goes to everybody is for smbd
shopt -s nocasematch

SETTLE_SECONDS=10 CLOSE_SECONDS=20 AGAIN_SECONDS=2 AT_ONCE=8
returning='' everywhere='' shared=''
held=9 # what Samba's list waits for, if one is prepared: nobody else may keep it open

fail() {
  echo "$*" >&2
  exit 1
}

# ---- time

# Sets $now, in hundredths of a second since the machine's start: the clock may be set meanwhile.
now() {
  read -r now _ </proc/uptime
  now=${now/./}
}

# Sets $1 to the moment that is $2 seconds away.
deadline() {
  now
  printf -v "$1" %d $((now + $2 * 100))
}

time_left() {
  now
  ((now < $1))
}

# ---- whether every process has taken the configuration

# Never use `read` on the files of a process in /proc, read them at once: `read` seeks back to the end of its line. If
# the process has ended, that fails, and the next `read`, of any file, begins with the rest of these lines.

# Whether tini, which passes signals on, has none left: asleep with none pending.
signals_passed_on() {
  local status none=$'\t0000000000000000\n'
  status=$(</proc/1/status)
  [[ $status == *$'\nState:\tS'* && $status == *$'\nSigPnd:'$none* && $status == *$'\nShdPnd:'$none* ]]
}

# Whether process $1 lives and is an smbd. Its name may go on with anything: smbd[10.0.0.7].
is_smbd() {
  local status
  { status=$(<"/proc/$1/status"); } 2>/dev/null || return 1
  [[ $status == $'Name:\tsmbd'* && $status == *$'\nState:\t'[!ZX]* ]]
}

# Waits until every smbd process has taken the last SIGHUP: one that reloads answers a ping only once it is back
# in its loop. A process born meanwhile need not be asked: it reads the file anew when its client logs in.
settle() {
  local end folder pid answer answers pinger
  local -A waiting=()
  deadline end $SETTLE_SECONDS
  until signals_passed_on; do
    time_left "$end" || fail "signals were not passed on within $SETTLE_SECONDS s"
    sleep 0.01
  done
  for folder in /proc/[0-9]*; do
    pid=${folder#/proc/}
    if is_smbd "$pid"; then waiting[$pid]=1; fi
  done
  ((${#waiting[@]})) || fail 'no smbd is running'
  # Asked again every second: a process just born misses what was sent before it listened.
  while ((${#waiting[@]})); do
    time_left "$end" || fail "smbd processes ${!waiting[*]} did not answer within $SETTLE_SECONDS s"
    # smbcontrol goes on listening after the last of the answers, so it is not waited for.
    exec {answers}< <(exec stdbuf -oL smbcontrol --configfile=/dev/null --timeout=1 all ping 2>/dev/null {held}>&-)
    pinger=$!
    while ((${#waiting[@]})) && read -r -t $SETTLE_SECONDS -u "$answers" answer; do
      pid=${answer##* }
      if [[ $pid =~ ^[0-9]+$ ]]; then unset "waiting[$pid]"; fi
    done
    kill "$pinger" 2>/dev/null
    exec {answers}<&-
    for pid in "${!waiting[@]}"; do
      is_smbd "$pid" || unset "waiting[$pid]"
    done
  done
  echo settled
}

# ---- Samba's own tools

# Starts a look at the "sessions" or "shares", and holds it before it looks. Most of its time is its start, which
# need not wait for what the look itself has to wait for.
prepare() {
  coproc LISTING { exec net --configfile=/dev/stdin status "$1" parseable; }
  # Bash closes its own two descriptors as soon as the process ends, read or not.
  exec {listed}<&"${LISTING[0]}" {held}>&"${LISTING[1]}" || fail 'Samba does not say who is connected'
  lister=$LISTING_PID
  eval "exec ${LISTING[0]}<&- ${LISTING[1]}>&-"
}

# Lets it look, and reads its lines into the array $1.
look() {
  echo '[global]' >&"$held"
  exec {held}>&-
  mapfile -t "$1" <&"$listed"
  exec {listed}<&-
  wait "$lister" || fail 'Samba does not say who is connected'
}

# Prints lines and their number, after the word $1.
tell() {
  local word=$1
  shift
  if (($#)); then printf "$word %s\n" "$@"; fi
  echo "$word-number $#"
}

# Sends a message to each of the processes $targets. One that has ended is no failure: that is more than is wanted.
control() {
  local target
  local -a sending=()
  for target in "${targets[@]}"; do
    if ((${#sending[@]} == AT_ONCE)); then
      wait "${sending[@]}"
      sending=()
    fi
    smbcontrol --configfile=/dev/null "$target" "$@" >/dev/null {held}>&- &
    sending+=($!)
  done
  wait "${sending[@]}"
}

# ---- who, and what

# Finds the processes that carry a session of one of the accounts, in $pids, and whether others share any, in
# $shared. A removed account is shown as a number, which may be anybody's. No account's name is a number.
find_accounts() {
  local line pid account
  local -A wanted=() others=()
  for account in "$@"; do wanted[$account]=1; done
  pids=() shared=''
  look sessions
  tell session "${sessions[@]}"
  for line in "${sessions[@]}"; do
    IFS=\\ read -r pid account _ <<<"$line"
    [[ $pid =~ ^[0-9]+$ && $account ]] || continue
    if [[ $account =~ ^[0-9]+$ || ${wanted[$account]-} ]]; then pids[$pid]=1; else others[$pid]=1; fi
  done
  for pid in "${!pids[@]}"; do
    if [[ ${others[$pid]-} ]]; then shared=1; fi
  done
}

# Finds the tree connects to share $1 in the processes $pids, or in all if $everywhere, in $connects.
find_connects() {
  local line name pid
  look lines
  connects=()
  for line in "${lines[@]}"; do
    IFS=\\ read -r name pid _ <<<"$line"
    [[ $name == "$1" && $pid =~ ^[0-9]+$ ]] || continue
    if [[ $everywhere || ${pids[$pid]-} ]]; then connects+=("$line"); fi
  done
}

# Closes share $1 there, and looks until it is: a write under way is finished first. If others may rightly be there
# after, only what was there before counts. By their second alone a former tree connect and one made anew may look
# the same; closed again later, they do not.
close() {
  local end again connect
  local -a left
  local -A former=()
  deadline end $CLOSE_SECONDS
  if [[ $shared || $returning ]]; then
    prepare shares
    find_connects "$1"
    remember
    if ((${#former[@]} == 0)); then return; fi
  fi
  while :; do
    prepare shares
    control close-share "$1"
    deadline again $AGAIN_SECONDS
    while find_connects "$1" && remain; do
      time_left "$end" || break 2
      time_left "$again" || break
      sleep 0.05
      prepare shares
    done
    if ((${#left[@]} == 0)); then break; fi
    if ((${#former[@]} == 0)); then remember; fi # somebody else may have come to these connections
  done
  tell connect "${connects[@]}"
}

remember() {
  tell before "${connects[@]}"
  for connect in "${connects[@]}"; do former[$connect]=1; done
}

# Sets $left to what is not closed yet of $connects. Gives whether there is any.
remain() {
  left=()
  for connect in "${connects[@]}"; do
    if [[ ${#former[@]} == 0 || ${former[$connect]-} ]]; then left+=("$connect"); fi
  done
  ((${#left[@]}))
}

# Starts a look at the durable handles, and holds it before it looks, as `prepare` does. What holds it is a pipe
# without a name: Samba's tool opens that anew, and to open a FIFO that nobody writes to any more waits for ever.
prepare_handles() {
  local either answer file=/tmp/handles-$BASHPID
  rm -f "$file" # of a request that was killed
  mkfifo -m 600 "$file" || fail 'there is no room to ask for durable handles'
  exec {either}<>"$file" {handles}<"$file" {answer}>"$file" {either}>&-
  rm "$file"
  exec {waiting}> >(
    exec {handles}<&-
    net --configfile=/dev/stdin serverid wipedbs --test --verbose >&"$answer" 2>/dev/null
    echo "status $?" >&"$answer"
  )
  exec {answer}>&-
}

# Makes the durable handles below folder $1 useless whose clients are disconnected: if a client is let in again, it
# shall not come back with what it had open before. Samba gives a file back only if it has not changed, so
# each gets another time of change. It keeps such handles for minutes, and does not say whose they are.
forget() {
  local line path
  local -a lines paths=()
  echo '[global]' >&"$waiting"
  exec {waiting}>&-
  mapfile -t lines <&"$handles"
  exec {handles}<&-
  [[ ${lines[-1]} == 'status 0' ]] || fail 'Samba does not say which handles are durable'
  for line in "${lines[@]}"; do
    [[ $line == "open[$1/"*" id: 0x"*"] disconnected at ["* ]] || continue
    path=${line#open[}
    path=${path%" id: 0x"*}
    paths+=("${path%%:*}") # without the name of a stream
  done
  while ((${#paths[@]})); do
    chmod u+rwx -- "${paths[@]:0:500}" 2>/dev/null
    paths=("${paths[@]:500}")
  done
}

# Ends the walks of make_executable.sh and of empty-bins below folder $1: they would keep the share mounted.
end_walks() {
  local walk pid
  for walk in make-executable bin; do
    { read -r pid <"/tmp/$walk${1//\//-}/pid"; } 2>/dev/null || continue
    if [[ $pid =~ ^[0-9]+$ ]]; then kill -KILL -- "-$pid" 2>/dev/null || :; fi # it has ended
  done
}

# Ends the processes $pids, and looks until they are gone.
end() {
  local deadline pid
  deadline deadline $CLOSE_SECONDS
  control shutdown
  for pid in "${!pids[@]}"; do
    while is_smbd "$pid"; do
      time_left "$deadline" || break 2
      sleep 0.01
    done
  done
  prepare sessions
  look sessions
  tell remaining "${sessions[@]}"
}

verb=$1
shift
if [[ ${1-} == --returning ]]; then
  returning=1
  shift
fi
declare -A pids=()
declare -a sessions connects targets
case $verb in
  close-share)
    everywhere=1 targets=(smbd)
    prepare_handles
    settle
    close "$1"
    forget "$2"
    end_walks "$2"
    ;;
  close-user)
    share=$1 folder=$2
    shift 2
    prepare_handles
    prepare sessions
    settle
    find_accounts "$@"
    targets=("${!pids[@]}")
    if ((${#pids[@]})); then close "$share"; fi
    forget "$folder"
    ;;
  end-connections)
    settle
    for pid in "$@"; do
      if is_smbd "$pid"; then pids[$pid]=1; fi
    done
    targets=("${!pids[@]}")
    end
    ;;
  count-user)
    share=$1
    shift
    prepare sessions
    settle
    find_accounts "$@"
    prepare shares
    find_connects "$share"
    tell connect "${connects[@]}"
    ;;
  end-user)
    prepare sessions
    settle
    find_accounts "$1"
    targets=("${!pids[@]}")
    if ((${#pids[@]})); then end; fi
    ;;
  end-removed)
    prepare_handles
    prepare sessions
    settle
    find_accounts
    targets=("${!pids[@]}")
    if ((${#pids[@]})); then end; fi
    forget "$1" # the next account may get the same number, and is not to come back to these files
    ;;
esac
