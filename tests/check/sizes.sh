#!/usr/bin/env bash
# No source has more than 450 lines, no class or struct more than 25 fields of its own: what is larger has parts that can be
# named. $TREE: another tree to look at.
# shellcheck disable=SC2016 # the dollars are awk's
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "${TREE:-$ROOT}"
LINES_AT_MOST=450
FIELDS_AT_MOST=25

bad=0
while read -r lines file; do
  ((lines <= LINES_AT_MOST)) || { printf '%s: %d lines, at most %d\n' "$file" "$lines" "$LINES_AT_MOST" && bad=1; }
done < <(project_files -name '*.cc' -o -name '*.h' -o -name '*.py' -o -name '*.sh' -o -name '*.proto' | xargs wc -l | grep -v ' total$')

# Fields of a class are what ends in `name_;` (with an annotation or a default before the semicolon), those of a struct what
# ends in `name;` likewise; by the depth of braces each is counted for the innermost one.
while read -r file type fields; do
  printf '%s: %s has %d fields, at most %d\n' "$file" "$type" "$fields" "$FIELDS_AT_MOST"
  bad=1
done < <(project_files -name '*.cc' -o -name '*.h' | xargs awk -v most="$FIELDS_AT_MOST" '
  FNR == 1 { depth = 0; top = 0 }
  { line = $0; sub(/\/\/.*/, "", line) }
  match(line, /^[ ]*(class|struct) [^;(]*\{[ ]*$/) {
    name = line; gsub(/COVEY_[A-Z_]+(\([^)]*\))?/, "", name); sub(/^[ ]*(class|struct) +/, "", name); sub(/[ :{].*/, "", name)
    kinds[++top] = (line ~ /^[ ]*class/) ? "class" : "struct"; names[top] = name; depths[top] = depth + 1; fields[top] = 0
  }
  top > 0 && depth == depths[top] && line !~ /^[ ]*(using|friend|static|typedef|return|public|private|protected|enum|class|struct|template|explicit|virtual)/ {
    plain = line; gsub(/COVEY_[A-Z_]+\([^)]*\)/, "", plain)
    while (gsub(/<[^<>]*>/, "", plain)) {}
    sub(/( = .*|\{[^()]*\});/, ";", plain)  # the default
    left = line; right = line  # not the last line of a declaration over several
    if (gsub(/\(/, "", left) == gsub(/\)/, "", right) && plain ~ /^[ ]+.*[A-Za-z0-9_>*&] [a-z][a-z0-9_]*(\[[^]]*\])?[ ]*;[ ]*$/ && plain !~ /[()]/) ++fields[top]
  }
  { depth += gsub(/\{/, "{", line) - gsub(/\}/, "}", line) }
  top > 0 && depth < depths[top] { if (fields[top] > most) print FILENAME, names[top], fields[top]; --top }
')
((bad == 0)) || fail "some files or classes are too large"
printf 'no file has more than %d lines, no class more than %d fields\n' "$LINES_AT_MOST" "$FIELDS_AT_MOST"
