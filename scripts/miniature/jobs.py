"""Commands that leave a folder, each run once: a folder that the same command has completed is taken as it is, one that it
has begun goes on with --resume. So the whole evidence can be interrupted and started again."""
import collections
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import threading
import time

from files import read_json, write_whole


class Failed(Exception):
    """A command that ended with another exit code than 0, and where its output is."""


class Workshop:
    """Where the folders are, which programs make them, and how many at a time."""

    def __init__(self, programs, out, jobs):
        self.programs, self.out, self.jobs = programs, out, jobs
        self.begin = time.monotonic()
        self._lock = threading.Lock()
        self._names = collections.defaultdict(threading.Lock)
        self.out.mkdir(parents=True, exist_ok=True)

    def say(self, text):
        with self._lock:
            print(f"[{time.monotonic() - self.begin:6.0f} s] {text}", file=sys.stderr, flush=True)

    def _alone(self, name):
        """Two workers may want one folder: the second waits and finds it."""
        with self._lock:
            return self._names[name]

    def folder(self, name, *command):
        """Runs `command` (a program's name first) with --out OUT/name, unless it has been completed; returns the folder."""
        with self._alone(name):
            return self._folder(name, command)

    def _folder(self, name, command):
        target = self.out / name
        note = note_of(target)
        words = [str(word) for word in command]
        state = read_json(note) if note.exists() else {}
        if state.get("command") == words and state.get("cpu_seconds") is not None:
            return target
        if state.get("command") != words and target.exists():
            shutil.rmtree(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_note(note, words, None)
        spent = self._call(name, [self.programs / words[0], *words[1:], "--out", target, "--resume", "--quiet"])
        write_note(note, words, round(spent, 2))
        return target

    def cpu_seconds(self, name):
        """Of the command that made OUT/name; when it was interrupted, of its last part."""
        return read_json(note_of(self.out / name))["cpu_seconds"]

    def file(self, name, text):
        """Writes OUT/name unless it holds this text already."""
        target = self.out / name
        with self._alone(name):
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists() or target.read_text() != text:
                write_whole(target, text)
        return target

    def script(self, name, *command):
        """A script of the repository that can be run again and goes on by itself."""
        self._call(name, command)

    def _call(self, name, words):
        """Runs a command and returns its CPU seconds, those of its children included."""
        log = self.out / "logs" / (name.replace("/", "-") + ".log")
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w") as stream:
            process = subprocess.Popen([str(word) for word in words], stdout=stream, stderr=stream,
                                       env={**os.environ, "OMP_NUM_THREADS": "1"})
            _, status, used = os.wait4(process.pid, 0)
            code = process.returncode = os.waitstatus_to_exitcode(status)
        if code != 0:
            tail = log.read_text(errors="replace").strip().splitlines()[-1:] or ["no output"]
            raise Failed(f"{name}: exit {code}: {tail[0]} (whole output: {log})")
        return used.ru_utime + used.ru_stime

    def each(self, what, items, work):
        """`work(item)` for all items, so many at a time; results in the order of the items. The first failure ends it."""
        self.say(f"{what}: {len(items)}")
        done, results = 0, {}
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            waiting = {pool.submit(work, item): i for i, item in enumerate(items)}
            try:
                for future in concurrent.futures.as_completed(waiting):
                    results[waiting[future]] = future.result()
                    done += 1
                    if done % 10 == 0 or done == len(items):
                        self.say(f"{what}: {done} of {len(items)}")
            except BaseException:
                for future in waiting:
                    future.cancel()
                raise
        return [results[i] for i in range(len(items))]


def note_of(folder):
    """What made a folder stands beside it."""
    return folder.with_name(folder.name + ".command.json")


def write_note(note, words, cpu_seconds):
    """Without seconds while the command runs."""
    write_whole(note, json.dumps({"command": words, "cpu_seconds": cpu_seconds}) + "\n")
