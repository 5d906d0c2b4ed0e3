"""Video files to frames to pixels, against decord, torchcodec, PyAV, Pillow and the image processor of transformers."""
import hashlib
import subprocess
from functools import partial

from common import Line, Unequal, cpu, or_missing, package, within

FRAMES, SIDE = 16, 384
SIZES = {"480p": (854, 480), "720p": (1280, 720), "1080p": (1920, 1080)}
CODECS = {"B frames": ["-c:v", "libx264", "-preset", "medium"],
          "no B frames": ["-c:v", "libx264", "-preset", "medium", "-bf", "0"],
          "long": ["-c:v", "libx264", "-preset", "veryfast"],  # minutes of it; with B frames as well
          "HEVC": ["-c:v", "libx265", "-preset", "medium", "-x265-params", "log-level=none"]}
# Two programs convert YUV to RGB with other rounding: some units in a byte. A wrong frame of these clips is 10 and more away.
SAME_FRAME = 2.0


def make_clip(context, name, codec, size, seconds):
    file = context.folder("media") / f"{name}.mp4"
    if not file.exists():
        width, height = SIZES[size]
        grain = "" if codec == "long" else ",noise=alls=6:allf=t"
        source = f"testsrc2=size={width}x{height}:rate=25:duration={seconds}{grain}"
        subprocess.run(["ffmpeg", "-y", "-v", "error", "-f", "lavfi", "-i", source, *CODECS[codec], "-pix_fmt", "yuv420p",
                        "-threads", "1", str(file)], check=True)
    return file


# --- peers: frames of these numbers as an array [N, H, W, 3] ---------------------------------------------------------------

def decord_reader():
    decord = package("decord")
    return lambda file, numbers: decord.VideoReader(str(file), ctx=decord.cpu(0), num_threads=1).get_batch(numbers).asnumpy()


def torchcodec_reader():
    decoders = package("torchcodec.decoders")

    def read(file, numbers):
        decoder = decoders.VideoDecoder(str(file), dimension_order="NHWC", num_ffmpeg_threads=1)
        return decoder.get_frames_at(indices=numbers).data.numpy()
    return read


def pyav_reader():
    av, numpy = package("av"), package("numpy")

    def read(file, numbers):
        wanted, found = set(numbers), {}
        with av.open(str(file)) as container:
            stream = container.streams.video[0]
            stream.thread_count = 1
            for number, frame in enumerate(container.decode(stream)):
                if number in wanted:
                    found[number] = frame.to_ndarray(format="rgb24")
                if number >= max(wanted):
                    break
        return numpy.stack([found[number] for number in numbers])
    return read


READERS = {"decord": decord_reader, "torchcodec": torchcodec_reader, "PyAV, all frames": pyav_reader}


def array(file, shape, kind):
    return package("numpy").fromfile(file, dtype=kind).reshape(shape)


def decode_sides(context, codec, size, seconds, numbers=None):
    numpy = package("numpy")
    file, out = make_clip(context, f"{codec}-{size}-{seconds}".replace(" ", "-"), codec, size, seconds), context.work / "frames"
    request = {"do": "decode", "file": file, **({"indices": numbers} if numbers else {"frames": FRAMES})}
    mine = context.worker.ask(**request, out=out)
    chosen = numbers or mine["numbers"]
    frames = array(out, (len(chosen), mine["height"], mine["width"], 3), numpy.uint8).astype(numpy.int16)
    peers = {}
    for name, make in READERS.items():
        read = or_missing(make)
        if not callable(read):
            peers[name] = read
            continue
        worst = max(abs(frames[i] - theirs).mean() for i, theirs in enumerate(read(file, chosen).astype(numpy.int16)))
        within(f"{codec} {size}: mean difference of a frame from {name}", worst, SAME_FRAME)
        peers[name] = cpu(partial(read, file, chosen))
    return context.worker.timed(**request), peers


# --- pixels ----------------------------------------------------------------------------------------------------------------

def hf_processor():
    transformers = package("transformers")
    maker = getattr(transformers, "SiglipImageProcessorPil", None) or transformers.SiglipImageProcessor
    processor = maker(size={"height": SIDE, "width": SIDE}, resample=3, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    return lambda frames: processor(list(frames), return_tensors="np")["pixel_values"]


def raw_frames(context, size, count):
    """The first frames of a clip as a file of bytes and as an array."""
    numpy = package("numpy")
    clip, out = make_clip(context, f"B-frames-{size}-10", "B frames", size, 10), context.folder("media") / f"{size}.rgb"
    told = context.worker.ask(do="decode", file=clip, indices=list(range(count)), out=out)
    shape = (count, told["height"], told["width"], 3)
    return {"file": out, "count": count, "height": shape[1], "width": shape[2]}, array(out, shape, numpy.uint8)


def resize_sides(context, size):
    image = package("PIL.Image")
    request, frames = raw_frames(context, size, 8)
    out = context.work / "resized"
    context.worker.ask(do="resize", **request, side=SIDE, bytes=True, out=out)

    def pillow():
        return [image.fromarray(frame).resize((SIDE, SIDE), image.Resampling.BICUBIC) for frame in frames]
    theirs = b"".join(picture.tobytes() for picture in pillow())
    if hashlib.sha256(theirs).digest() != hashlib.sha256(out.read_bytes()).digest():
        raise Unequal(f"bicubic {size}: bytes differ from Pillow's")
    return context.worker.timed(do="resize", **request, side=SIDE, bytes=True), {"Pillow": cpu(pillow)}


def pixel_sides(context, size):
    numpy, process = package("numpy"), hf_processor()
    request, frames = raw_frames(context, size, 8)
    out = context.work / "pixels"
    context.worker.ask(do="resize", **request, side=SIDE, out=out)
    theirs = process(frames)
    within(f"pixels {size}: from the processor of transformers",
           float(abs(array(out, theirs.shape, numpy.float32) - theirs).max()), 1e-6)
    return context.worker.timed(do="resize", **request, side=SIDE), {"transformers": cpu(lambda: process(frames))}


def clip_sides(context, size):
    """The peer's colours round otherwise, so its pixels are near and not equal."""
    numpy, process = package("numpy"), hf_processor()
    clip, out = make_clip(context, f"B-frames-{size}-10", "B frames", size, 10), context.work / "clip"
    numbers = context.worker.ask(do="decode", file=clip, frames=FRAMES)["numbers"]
    request = {"do": "clip", "file": clip, "frames": FRAMES, "side": SIDE}
    context.worker.ask(**request, out=out)
    peers = {}
    for name in ("decord", "torchcodec"):
        read = or_missing(READERS[name])
        if not callable(read):
            peers[name + " + transformers"] = read
            continue
        theirs = process(read(clip, numbers))
        within(f"clip to pixels {size}: mean difference from {name}",
               float(abs(array(out, theirs.shape, numpy.float32) - theirs).mean()), SAME_FRAME / 127.5)
        peers[name + " + transformers"] = cpu(lambda read=read: process(read(clip, numbers)))
    return context.worker.timed(**request), peers


def lines(quick):
    found = []
    sizes = ("480p",) if quick else ("480p", "720p")
    for codec in ("B frames", "no B frames", "HEVC"):
        for size in sizes:
            floor = 1.0 if codec == "B frames" else 0.97
            found.append(Line(f"decode, {codec}, {size}", f"{FRAMES} frames of a clip of 10 s", partial(decode_sides, codec=codec, size=size, seconds=10),
                              targets={"decord": floor, "torchcodec": floor}))
    minutes = 2 if quick else 10
    bounds = [int(25 * 60 * minutes * 0.7) + 6 * i for i in range(FRAMES)]
    found.append(Line("decode, short bounds in a long file", f"{FRAMES} frames within 4 s of {minutes} minutes",
                      partial(decode_sides, codec="long", size="480p", seconds=60 * minutes, numbers=bounds), targets={"decord": 1.0}))
    for size in sizes if quick else SIZES:
        found.append(Line(f"bicubic, {size}", f"8 frames to {SIDE} x {SIDE}, bytes equal", partial(resize_sides, size=size),
                          targets={"Pillow": 2.5} if size != "1080p" else {}))
        found.append(Line(f"pixels, {size}", "8 frames resized, rescaled, normalised", partial(pixel_sides, size=size),
                          targets={"transformers": 5.0}))
    for size in sizes:
        found.append(Line(f"clip to pixels, {size}", f"file to {FRAMES} x 3 x {SIDE} x {SIDE}", partial(clip_sides, size=size),
                          targets={"decord + transformers": 2.0}))
    return found
