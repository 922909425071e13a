# Debian backports, from the machine's own mirror: the entry is derived from the one of the release itself, so that
# mirror and key are those the machine uses anyway. Sourced by deploy/local/setup and the tests; $apt_dir is /etc/apt
# but for tests.

# Fields of the first stanza (deb822) of the files on stdin whose Suites name $1, as "Field: value" lines with their
# continuation lines.
_stanza_of() { # SUITE
  awk -v suite="$1" '
    function done_with(   i, n, words, found, binary) {
      n = split(field["Suites"], words, /[ \t\n]+/)
      for (i = 1; i <= n; i++) if (words[i] == suite) found = 1
      binary = (" " field["Types"] " ") ~ /[ \t]deb[ \t]/
      if (found && binary && tolower(field["Enabled"]) !~ /no/ && !printed) {
        printed = 1
        printf "URIs: %s\n", field["URIs"]
        if (field["Signed-By"] != "") printf "Signed-By: %s\n", field["Signed-By"]
      }
      split("", field)
      name = ""
    }
    /^#/ { next }
    /^[ \t]*$/ { done_with(); next }
    /^[ \t]/ { if (name != "") field[name] = field[name] "\n" $0; next }
    { name = $0; sub(/:.*/, "", name); text = $0; sub(/^[^:]*:[ \t]*/, "", text); field[name] = text }
    END { done_with() }'
}

# The same from a one-line list on stdin: deb [options] URI SUITE components.
_line_of() { # SUITE
  awk -v suite="$1" '
    $1 != "deb" { next }
    {
      line = $0; key = ""
      if (match(line, /\[[^]]*\]/)) {
        options = substr(line, RSTART + 1, RLENGTH - 2)
        line = substr(line, 1, RSTART - 1) substr(line, RSTART + RLENGTH)
        n = split(options, list, /[ \t]+/)
        for (i = 1; i <= n; i++) if (list[i] ~ /^signed-by=/) { key = list[i]; sub(/^signed-by=/, "", key) }
      }
      split(line, word, /[ \t]+/)
      if (word[3] != suite) next
      printf "URIs: %s\n", word[2]
      if (key != "") printf "Signed-By: %s\n", key
      exit
    }'
}

_lists() { # SUFFIX: the files apt reads
  local f
  for f in "${apt_dir:-/etc/apt}"/*."$1" "${apt_dir:-/etc/apt}"/sources.list.d/*."$1"; do
    [ -f "$f" ] && cat "$f" && echo
  done
  return 0
}

# Prints URIs and Signed-By of the machine's entry for SUITE; nothing where it has none.
entry_of() { # SUITE
  local found
  found=$(_lists sources | _stanza_of "$1")
  [ -n "$found" ] || found=$(_lists list | _line_of "$1")
  printf '%s' "$found"
}

# The text of a .sources file for the backports of RELEASE; fails where the machine has no entry for RELEASE.
backports_entry() { # RELEASE
  local entry
  entry=$(entry_of "$1")
  [ -n "$entry" ] || return 1
  printf 'Types: deb\nSuites: %s-backports\nComponents: main\n%s\n' "$1" "$entry"
}
