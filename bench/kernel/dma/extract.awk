# SPDX-License-Identifier: GPL-2.0-only
#
# Takes definitions by name out of a kernel's source files. Its input is a list: a line
# "= SECTION FILE" begins a section, the words of the lines below are names, and each section becomes
# OUT/SECTION.inc, with its definitions in the list's order. A name is a macro, or a prefix of macros
# that ends in "*"; "struct NAME" and the like, written struct:NAME; or a function. Of a name that a
# file defines more than once the first definition is taken.
#
#   awk -v tree=linux-source-6.12 -v out=DIRECTORY -f extract.awk LIST

function fail(text) {
  print "extract.awk: " text > "/dev/stderr"
  failed = 1
  exit 1
}

function load(file,   text) {
  lines = 0
  while ((getline text < file) > 0) line[++lines] = text
  close(file)
  if (lines == 0) fail(file ": cannot be read")
}

function put(first, last,   i) {
  printf "#line %d \"%s\"\n", first, source > target
  for (i = first; i <= last; ++i) print line[i] > target
}

# The last line of the macro that begins at `i`, or of the comment behind it.
function macro_end(i,   comment) {
  while (line[i] ~ /\\$/) ++i
  comment = line[i]
  gsub(/\/\*.*\*\//, "", comment)
  if (comment ~ /\/\*/) {
    while (line[++i] !~ /\*\//) continue
  }
  return i
}

function take_macros(name,   i, prefix, found, word) {
  prefix = name
  if (sub(/\*$/, "", prefix) == 0) prefix = ""
  for (i = 1; i <= lines; ++i) {
    if (line[i] !~ /^#define[ \t]/) continue
    word = line[i]
    sub(/^#define[ \t]+/, "", word)
    sub(/[^A-Za-z0-9_].*/, "", word)
    if (prefix == "" ? word != name : index(word, prefix) != 1) continue
    put(i, macro_end(i))
    found = 1
    if (prefix == "") return 1
  }
  return found
}

function take_type(kind, name,   i, first) {
  for (i = 1; i <= lines; ++i) {
    if (line[i] != kind " " name " {") continue
    first = i
    while (line[i] !~ /^}/) ++i
    put(first, i)
    return 1
  }
  return 0
}

# A head stands in column 0 and has its body's bracket in column 0 before any semicolon.
function take_function(name,   i, first, body) {
  for (i = 1; i <= lines; ++i) {
    if (line[i] !~ /^[a-z_]/ || line[i] !~ ("(^|[ *])" name "\\(")) continue
    for (body = i; body < lines && line[body] != "{" && line[body] !~ /;/; ++body) continue
    if (line[body] != "{") continue
    first = i
    if (line[i - 1] ~ /^[a-z][a-z_ ]*[a-z_]$/) --first  # what it returns
    while (line[body] != "}") ++body
    put(first, body)
    return 1
  }
  return 0
}

/^#/ || NF == 0 { next }

$1 == "=" {
  if (target != "") close(target)
  source = $3
  target = out "/" $2 ".inc"
  load(tree "/" source)
  printf "" > target
  next
}

{
  for (n = 1; n <= NF; ++n) {
    if (split($n, part, ":") == 2) {
      if (!take_type(part[1], part[2])) fail(source ": no " part[1] " " part[2])
    } else if (!take_macros($n) && !take_function($n)) {
      fail(source ": no " $n)
    }
  }
}

END { if (failed) exit 1 }
