"""Files of JSON, read whole or by lines, and texts that appear whole or not at all."""
import json


def read_json(path):
    return json.loads(path.read_text())


def json_lines(path):
    with path.open() as lines:
        return [json.loads(line) for line in lines]


def lines_of(rows):
    """The text of a file of JSON lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write_whole(path, text):
    """An interruption leaves what was there before."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(text)
    temporary.replace(path)
