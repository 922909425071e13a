# How far a long step is, from what apt-get and ninja print. Sourced by deploy/local/run and tests/run.
#   show_progress WHAT LOG COMMAND...   runs COMMAND with its output in LOG and fails as it does. On a terminal one line
#                                       says how far it is; elsewhere a line every $progress_every seconds does. Says
#                                       nothing where there was nothing to do.

progress_every=${progress_every:-5}

# Prints "DONE of TOTAL WORD" for each line on stdin that tells it; TOTAL of packages is what apt-get says beforehand.
_steps() {
  local line packages=0 downloaded=0 unpacked=0 configured=0
  while IFS= read -r line; do
    case $line in
      '['*/*']'*) ! [[ $line =~ ^\[([0-9]+)/([0-9]+)\] ]] || echo "${BASH_REMATCH[1]} of ${BASH_REMATCH[2]} compiled" ;;
      *' newly installed'*) ! [[ $line =~ ^([0-9]+)\ upgraded,\ ([0-9]+)\ newly ]] || packages=$((BASH_REMATCH[1] + BASH_REMATCH[2])) ;;
      'Get:'*) [ $packages -eq 0 ] || echo "$((++downloaded)) of $packages packages downloaded" ;;
      'Unpacking '*) echo "$((++unpacked)) of $packages packages unpacked" ;;
      'Setting up '*) echo "$((++configured)) of $packages packages set up" ;;
    esac
  done
}

_say_steps() { # WHAT
  local what=$1 begin=$SECONDS next=0 line step='' here=false
  [ ! -t 1 ] || here=true
  ! $here || printf '%s ...' "$what"
  while IFS= read -r line; do
    step=$line
    if $here; then
      printf '\r\e[K%s: %s' "$what" "$step"
    elif [ $SECONDS -ge $next ]; then
      echo "$what: $step"
      next=$((SECONDS + progress_every))
    fi
  done
  ! $here || printf '\r\e[K'
  [ -z "$step" ] || echo "$what: $step ($((SECONDS - begin)) s)"
}

show_progress() { # WHAT LOG COMMAND...
  local what=$1 log=$2
  shift 2
  "$@" 2>&1 </dev/null | tee "$log" | _steps | _say_steps "$what"
  return "${PIPESTATUS[0]}"
}
