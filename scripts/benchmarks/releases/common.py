"""What the made-up releases share: small clips, and files of JSON.

A clip is drawn here, picture by picture, and written by ffmpeg; the same arguments give the same bytes."""
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

COLOURS = ((200, 40, 40), (40, 160, 60), (50, 80, 210), (220, 190, 40), (150, 60, 190), (30, 190, 200), (240, 130, 30))
GROUNDS = ((16, 16, 16), (235, 235, 235), (90, 90, 90), (20, 30, 70), (70, 40, 20))
KINDS = ("move", "left", "blink", "cut", "still")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "28", "-pix_fmt", "yuv420p", "-x264-params", "threads=1")
CODECS = {".mp4": H264, ".mkv": H264, ".avi": ("-c:v", "mpeg4", "-qscale:v", "5"), ".gif": (),
          ".webm": ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-crf", "40", "-b:v", "0")}
_made = {}


def _picture(kind, at, size, seed):
    """RGB bytes of the moment `at` in [0, 1): a square that moves or blinks on a ground, or two scenes."""
    width, height = size
    ground, colour = GROUNDS[seed % len(GROUNDS)], COLOURS[seed % len(COLOURS)]
    if kind == "cut":
        ground, colour = (colour, colour) if at < 0.5 else (COLOURS[(seed + 3) % len(COLOURS)],) * 2
    if kind == "blink" and int(at * 8) % 2:
        colour = ground
    side = max(2, width // 4)
    left = {"move": int(at * (width - side)), "left": int((1 - at) * (width - side))}.get(kind, (width - side) // 2)
    top = (height - side) // 2 + seed % 5
    plain = bytes(ground) * width
    crossed = bytes(ground) * left + bytes(colour) * side + bytes(ground) * (width - side - left)
    return plain * top + crossed * side + plain * (height - side - top)


def _ffmpeg(arguments, pictures):
    command = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y", *arguments]
    done = subprocess.run(command, input=pictures, capture_output=True)
    if done.returncode != 0:
        raise SystemExit(f"ffmpeg: {done.stderr.decode(errors='replace').strip()}")


def _encode(path, kind, seconds, fps, size, seed, varying):
    count = max(1, round(seconds * fps))
    pictures = b"".join(_picture(kind, i / count, size, seed) for i in range(count))
    rate = "30000/1001" if abs(fps - 29.97) < 1e-9 else str(fps)
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", f"{size[0]}x{size[1]}", "-framerate", rate, "-i", "-"]
    if varying:  # the second half runs at half the speed
        half = count // 2
        source += ["-vf", f"settb=1/90000,setpts='if(lt(N,{half}),N,{half}+2*(N-{half}))*90000/({rate})'", "-vsync", "vfr"]
    if path.is_dir():
        _ffmpeg([*source, "-qscale:v", "5", "-flags", "+bitexact", "-start_number", "1", str(path / "%05d.jpg")], pictures)
    else:
        same = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-threads", "1"]
        _ffmpeg([*source, *CODECS[path.suffix], *same, str(path)], pictures)


def clip(path, kind="move", seconds=1.0, fps=10, size=(96, 96), seed=0, varying=False):
    """Writes a silent clip; the name's end says which container. `fps` 29.97 is 30000/1001. `varying`: its second half has
    half the frame rate."""
    path = Path(path)
    assert kind in KINDS and path.suffix in CODECS, (kind, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    key = (path.suffix, kind, seconds, fps, tuple(size), seed, varying)
    if key not in _made:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"clip{path.suffix}"
            _encode(file, kind, seconds, fps, size, seed, varying)
            _made[key] = file.read_bytes()
    path.write_bytes(_made[key])


def pictures(folder, kind="move", seconds=1.0, fps=3, size=(96, 96), seed=0):
    """Writes a folder of pictures 00001.jpg, 00002.jpg, …"""
    folder = Path(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _encode(folder, kind, seconds, fps, size, seed, varying=False)


def write_text(path, text):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")


def write_json(path, value):
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def write_jsonl(path, rows):
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
