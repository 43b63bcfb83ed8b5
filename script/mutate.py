# SPDX-License-Identifier: GPL-2.0-only
"""Mutation testing; script/mutate says how to use it."""
import argparse
import collections
import filecmp
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from equivalents import LIST, equivalents
from mutations import KINDS, SOURCE, candidates, source, text_of

TREE = SOURCE / "build" / "mutate"
BUILD = TREE / "build" / "dev"
SECONDS = TREE / "seconds.json"  # what each test program took when it passed, from run to run
SECONDS_UNKNOWN = 30
WAITING = 8  # by the clock, times what the processor may be used
MEMORY_LIMIT = 4 << 30  # of a test program that a change makes run away
MOST_OBJECTS = 3  # what more include is a matter of hours
JUDGED = ("noticed", "equivalent", "not noticed")


# --- The copy, and building in it -----------------------------------------------------------------

def tracked_files():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], check=True,
                            capture_output=True, text=True).stdout.split("\n")
    return sorted(file for file in listed if file and (SOURCE / file).is_file())


def copy_tree():
    """Brings the copy up to date, touching only what differs. What tests read is shared."""
    golden = "tests/golden/"
    wanted = [file for file in tracked_files() if not file.startswith(golden)]
    for file in wanted:
        to = TREE / file
        if not to.exists() or not filecmp.cmp(SOURCE / file, to, shallow=False):
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(SOURCE / file, to)
    link = TREE / golden.rstrip("/")
    for folder in {file.split("/")[0] for file in wanted if "/" in file}:
        for old in (TREE / folder).rglob("*"):
            known = str(old.relative_to(TREE)) in wanted or link in old.parents
            if old.is_file() and not known:
                old.unlink()
    if not link.exists():
        link.symlink_to(SOURCE / golden)


def shell(command):
    """With the settings of the other scripts, which find objects of the other builds again."""
    return subprocess.run(["bash", "-c", f"source script/common.sh; {command}"], cwd=TREE,
                          capture_output=True, text=True, check=False)


def build(*targets):
    return shell(f"ninja -C build/dev -j $jobs {' '.join(targets)}").returncode == 0


def ninja(*arguments):
    return subprocess.run(["ninja", "-C", str(BUILD), *arguments], capture_output=True, text=True,
                          check=True).stdout


def objects_of(rooms):
    targets = [line.split(":")[0] for line in ninja("-t", "targets", "all").split("\n")]
    return [t for t in targets if t.endswith(".o") and t.split("/")[0] in rooms]


def objects_by_file():
    """Which objects, tests' apart, each file is compiled into; several files may share one."""
    objects, current = collections.defaultdict(list), ""
    for line in ninja("-t", "deps").split("\n"):
        if line and not line.startswith(" "):
            current = line.split(":")[0]
        elif line.strip():
            path = os.path.normpath(os.path.join(BUILD, line.strip()))
            if path.startswith(f"{TREE}/") and not current.startswith("tests/"):
                objects[os.path.relpath(path, TREE)].append(current)
    return objects


def test_programs():
    """Each with the objects that go into it."""
    rule = re.compile(r"^(tests/\S+): CXX_EXECUTABLE_LINKER")
    matches = map(rule.match, ninja("-t", "targets", "all").split("\n"))
    return {match.group(1): set(ninja("-t", "inputs", match.group(1)).split("\n"))
            for match in matches if match}


def code_of(object_file):
    """The object without what only says where its code came from."""
    stripped = BUILD / "stripped.o"
    subprocess.run(["objcopy", "--strip-debug", BUILD / object_file, stripped], check=True)
    return stripped.read_bytes()


# --- Running --------------------------------------------------------------------------------------

def resident(pid):
    """Bytes of memory in use. Machines' memory is mapped and not touched, so a limit of what may be
    mapped would be none of what a runaway test fills."""
    try:
        pages = pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(pages) * resource.getpagesize()


def processor_seconds(pid):
    """What the process has used so far; 0 when it has gone."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ProcessLookupError):
        return 0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def failing_test(program, seconds):
    """The name of the first test that fails; None when all pass.

    `seconds` are the processor's, so that other work on the machine is not taken for a change; one
    that waits for ever uses none, and has as many times WAITING by the clock.
    """
    environment = {"IOMMULAB_CORPUS": str(SOURCE.parent / "shared/corpus"), **os.environ}
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        run = subprocess.Popen([BUILD / program, "--gtest_fail_fast", "--gtest_brief=1"], cwd=BUILD,
                               stdout=said, stderr=subprocess.DEVNULL, env=environment)
        end = time.monotonic() + WAITING * seconds
        try:
            while run.poll() is None:
                too_long = processor_seconds(run.pid) > seconds or time.monotonic() > end
                if too_long or resident(run.pid) > MEMORY_LIMIT:
                    return f"no end within {seconds:.0f} s" if too_long else "no end of memory"
                time.sleep(0.02)
        finally:
            run.kill()
            run.wait()
        if run.returncode == 0:
            return None
        said.seek(0)
        named = re.search(r"^\[  FAILED  \] ([^\s,]+)", said.read(), re.M)
        return named.group(1) if named else f"exit status {run.returncode}"


def time_of_children():
    """Processor seconds of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def nearness(program, file):
    """How many folders the program's tests and the file have in common."""
    common = 0
    for ours, theirs in zip(program.split("/")[1:], file.split("/")):
        if ours != theirs:
            break
        common += 1
    return common


class Judge:
    def __init__(self):
        self.objects = objects_by_file()
        self.programs = test_programs()
        self.codes = {}  # of objects without a change
        self.passed = set()  # the programs that did without a change, in this run
        self.seconds = json.loads(SECONDS.read_text()) if SECONDS.exists() else {}

    def programs_for(self, change):
        """Those that the change is linked into: tests of the same folder first, then quick ones."""
        own = set(self.objects[change.file])
        seeing = [p for p in self.programs if self.programs[p] & own]
        return sorted(seeing, key=lambda p: (-nearness(p, change.file),
                                             self.seconds.get(p, SECONDS_UNKNOWN)))

    def run(self, program):
        began = time_of_children()
        failed = failing_test(program, 10 + 5 * self.seconds.get(program, SECONDS_UNKNOWN))
        if not failed:
            self.passed.add(program)
            self.seconds[program] = round(time_of_children() - began, 1)
            SECONDS.write_text(json.dumps(self.seconds, indent=1, sort_keys=True))
        return failed

    def code_before(self, object_file):
        """An object that was never changed in this run is the one that the copy was built with."""
        if object_file not in self.codes:
            self.codes[object_file] = code_of(object_file)
        return self.codes[object_file]

    def verdict(self, change):
        """"broken", "equal", the test that noticed, or None; sources are as before afterwards."""
        path = TREE / change.file
        own = self.objects[change.file]
        nearest = self.programs_for(change)[:1]
        if nearest and nearest[0] not in self.passed:
            self.expect_to_pass(nearest[0])  # the one that most changes come to, timed before
        before = [self.code_before(object_file) for object_file in own]
        text = source(change.file)
        path.write_text(text[:change.start] + change.new + text[change.end:])
        try:
            if not build(*own):
                return "broken"
            if [code_of(object_file) for object_file in own] == before:
                return "equal"
            program, failed = self.first_to_notice(change)
        finally:
            path.write_text(text)  # newer than its objects: the next build makes them anew
        if failed and program not in self.passed:
            self.expect_to_pass(program)
        return f"{program.split('/')[-1]}: {failed}" if failed else None

    def first_to_notice(self, change):
        for program in self.programs_for(change):
            failed = self.run(program) if build(program) else "it does not build"
            if failed:
                return program, failed
        return "", None

    def expect_to_pass(self, program):
        """What fails without a change as well notices nothing."""
        failed = self.run(program) if build(program) else "it does not build"
        if failed:
            sys.exit(f"script/mutate: {program} fails without any change: {failed}")


def outcome_of(verdict, reason):
    """A word to count by, and what is said of it."""
    if verdict in ("broken", "equal"):
        return verdict, ""
    if verdict is None:
        return ("equivalent", f"equivalent: {reason}") if reason else ("not noticed", "NOT NOTICED")
    return "noticed", f"{verdict} ({LIST} calls it equivalent)" if reason else verdict


def main():
    parser = argparse.ArgumentParser(prog="script/mutate", add_help=False)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at", default="")
    parser.add_argument("--kind", choices=KINDS)
    arguments = parser.parse_args()
    reasons = equivalents()
    left = candidates(tracked_files(), arguments.at, arguments.kind)
    if not left:
        sys.exit(f"script/mutate: nothing to change at {arguments.at}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("script/mutate: terminated"))

    copy_tree()
    print("building the copy", flush=True)
    rooms = {change.file.split("/")[0] for kind in left for change in kind}
    if (shell("configure dev -DIOMMULAB_TESTS=ON").returncode != 0
            or not build(*objects_of(rooms))):
        sys.exit("script/mutate: the copy does not build")
    judge = Judge()

    chance = random.Random(arguments.seed)
    count = collections.Counter()
    try:
        while sum(count[word] for word in JUDGED) < arguments.count and any(left):
            kind = chance.choice([kind for kind in left if kind])
            change = kind.pop(chance.randrange(len(kind)))
            if not 0 < len(judge.objects[change.file]) <= MOST_OBJECTS:
                continue
            outcome, said = outcome_of(judge.verdict(change), reasons.get(change))
            count[outcome] += 1
            if outcome in JUDGED:
                number = sum(count[word] for word in JUDGED)
                print(f"{number:3} {text_of(change)}\n      {said}", flush=True)
    finally:  # a run that is ended early counts as well
        print(f"({count['equal']} more made the same object)")
        print(f"{sum(count[word] for word in JUDGED)} mutations: "
              + ", ".join(f"{count[word]} {word}" for word in JUDGED)
              + f"; {count['broken']} more did not compile")


main()
