"""A part of a page of docs/ that a program writes: the lines between two marks."""
import sys


class Part:
    def __init__(self, name, program):
        self.marks = (f"<!-- {name}: {program} -->", f"<!-- end of {name} -->")

    def split(self, readme):
        """What stands before the part, it, and what stands after it; ValueError where a mark is missing or out of order."""
        before, first, rest = readme.partition(self.marks[0])
        old, last, after = rest.partition(self.marks[1])
        if not (first and last) or any(mark in before + old + after for mark in self.marks):
            raise ValueError("its two marks must stand once each, in order; fix: put them on lines of their own: "
                             + " and ".join(self.marks))
        return before, old, after

    def replaced(self, readme, text):
        before, _, after = self.split(readme)
        return f"{before}{self.marks[0]}\n{text}\n{self.marks[1]}{after}"

    def publish(self, file, text, check):
        """Writes the part, or, with `check`, ends the program where the file says something else."""
        old = file.read_text()
        try:
            new = self.replaced(old, text)
        except ValueError as error:
            sys.exit(f"{file}: {error}")
        if not check:
            file.write_text(new)
        elif old != new:
            line, stands, wanted = first_difference(old, new)
            sys.exit(f"{file}:{line}: is {stands!r}, the results say {wanted!r}; fix: run without --check")


def first_difference(old, new):
    lines = zip(old.splitlines() + [""], new.splitlines() + [""])
    return next(((i + 1, a, b) for i, (a, b) in enumerate(lines) if a != b), None)
