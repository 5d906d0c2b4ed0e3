"""The original scoring functions, taken out of clones of their repositories for scorers.py. Of each file only the functions
and statements at work are compiled: the files as a whole import models and frameworks."""

import ast
import hashlib
import json
import os
import re
import string
import subprocess
import sys
import types
from pathlib import Path

# folder: repository, commit, files with their sha256; "only": no other benchmark uses it
SOURCES = json.loads((Path(__file__).resolve().parent / "scorers_sources.json").read_text(encoding="utf-8"))


class Judge(Exception):
    """The script asks a language model."""


class Draw(Exception):
    """The script draws an answer."""


def ask(*_, **__):
    raise Judge


def draw(*_, **__):
    raise Draw


class Folder:
    """Clones, or copies of their files, each checked: a clone by its commit, a copy by the hashes of the files."""

    def __init__(self, path):
        self.path = Path(path)
        for name, source in SOURCES.items():
            if not (self.path / name).is_dir():
                if source.get("optional"):
                    continue
                sys.exit(f"{self.path / name} is missing: a clone of {source['repository']} at {source['commit']}")
            self.check(name, source)

    def check(self, name, source):
        clone = self.path / name
        if (clone / ".git").exists():
            head = subprocess.run(
                ["git", "-C", str(clone), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
            ).stdout.strip()
            if not head.startswith(source["commit"]):
                sys.exit(f"{clone} is at {head}; check out {source['commit']}")
            return
        for file, wanted in source["files"].items():
            found = hashlib.sha256((clone / file).read_bytes()).hexdigest()
            if found != wanted:
                sys.exit(f"{clone / file} has sha256 {found} where {source['commit']} has {wanted}")

    def has(self, name):
        return (self.path / name).is_dir()

    def tree(self, name, file):
        assert file in SOURCES[name]["files"], file
        text = (self.path / name / file).read_text(encoding="utf-8")
        if file.endswith(".ipynb"):
            cells = ["".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
            text = next(cell for cell in cells if "def check_ans" in cell)
        return ast.parse(text)

    def take(self, name, file, functions, **space):
        """Functions of a file, and constants that are asked for by name, in a name space of their own."""
        base = {
            "re": re,
            "json": json,
            "os": os,
            "string": string,
            "cp": __import__("copy"),
            "print": lambda *_, **__: None,
        }
        out = types.SimpleNamespace(**{**base, **space})
        wanted = set(functions)
        for node in ast.walk(self.tree(name, file)):
            names = [node.name] if isinstance(node, ast.FunctionDef) else []
            if isinstance(node, ast.Assign):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            if wanted & set(names):
                wanted -= set(names)
                execute([node], out.__dict__)
        assert not wanted, (file, wanted)
        return out

    def statements(self, name, file, function, first, last):
        """Statements of a function, from the first whose text begins with `first` to the next that begins with `last`."""
        for node in ast.walk(self.tree(name, file)):
            if isinstance(node, ast.FunctionDef) and node.name == function:
                for block in blocks(node):
                    texts = [ast.unparse(statement) for statement in block]
                    begin = next((i for i, text in enumerate(texts) if text.startswith(first)), None)
                    end = next(
                        (i for i, text in enumerate(texts) if text.startswith(last) and begin is not None and i >= begin),
                        None,
                    )
                    if end is not None:
                        return block[begin : end + 1]
        raise AssertionError((file, function, first))


def blocks(node):
    for inner in ast.walk(node):
        for field in ("body", "orelse"):
            if isinstance(getattr(inner, field, None), list):
                yield getattr(inner, field)


def execute(nodes, space):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # their patterns have escapes that Python complains about
        exec(compile(ast.Module(body=list(nodes), type_ignores=[]), "original", "exec"), space)
    return space
