"""Where the time of a step goes, and how far each stage is from its own floor: its FLOP at the speed of plain products of its
shapes, measured in the same run."""
import statistics

import losses
import worlds

FRAMES, PATCHES_OF = 8, {16: 64, 64: 256}


def speed(context, rows, inner, columns):
    """FLOP a second of a plain product."""
    request = {"do": "product", "rows": rows, "inner": inner, "columns": columns, "repeats": 10}
    context.worker.ask(**request)
    return statistics.median((told["flop"] / told["seconds"]) for told in (context.worker.ask(**request) for _ in range(5)))


def linear_weights(part):
    """Weights of the linears of one layer."""
    width, inner = part["hidden_size"], part["intermediate_size"]
    if "num_key_value_heads" not in part:
        return 4 * width * width + 2 * width * inner
    keys = width // part["num_attention_heads"] * part["num_key_value_heads"]
    return 2 * width * width + 2 * width * keys + 3 * width * inner


def flop_of(tokens, vocabulary, text_rows, answer_rows):
    """FLOP of the stages of a step; attention by the pairs of rows that see each other."""
    sizes = worlds.size(tokens, vocabulary)
    vision, text, patches = sizes["vision"], sizes["text"], PATCHES_OF[tokens]
    prefix = FRAMES * tokens + text_rows
    rows, pairs = prefix + answer_rows, prefix ** 2 / 2 + answer_rows * (prefix + answer_rows / 4)
    linears = 2 * linear_weights(text) * text["num_hidden_layers"] * rows
    attention = 4 * text["hidden_size"] * text["num_hidden_layers"] * pairs
    lora = 2 * text["num_hidden_layers"] * rows * sizes["rank"] * (
        9 * text["hidden_size"] + 3 * text["intermediate_size"] + 2 * text["hidden_size"] // 4)
    eye = FRAMES * patches * vision["num_hidden_layers"] * (2 * linear_weights(vision) + 4 * vision["hidden_size"] * patches)
    return {"eye": eye, "reference": linears + attention, "decoder": 2 * linears + 3.5 * attention + 3 * lora,
            "loss": 2 * 3 * answer_rows * text["hidden_size"] * vocabulary}


def stages(context, tokens, vocabulary):
    world = worlds.world(context, tokens, vocabulary)
    few, many = (4, 12) if context.quick else (4, 44 if tokens == 16 else 24)
    kept = world.cached()
    sides = (world.uncached(), (kept[0], "train.reference_cache=false"), kept)
    turns = [[world.own_step(settings, few, many) for settings in sides] for _ in range(1 if context.quick else 5)]
    whole, seen, all_kept = (statistics.median(seconds) for seconds in zip(*turns))
    loss_call, _ = losses.loss_sides(context, vocabulary, 128)
    loss = statistics.median(loss_call() for _ in range(5))
    sample = world.peer.sample(world.rows[0])
    answer = int(sample["chosen"]["answer"].sum() + sample["rejected"]["answer"].sum())
    flop = flop_of(tokens, vocabulary, sample["chosen"]["begin"] - FRAMES * tokens, answer)
    rows, text, vision = FRAMES * tokens + answer, worlds.size(tokens, vocabulary)["text"], worlds.size(tokens, vocabulary)["vision"]
    inside = speed(context, rows, text["hidden_size"], text["intermediate_size"])
    floors = {"eye": flop["eye"] / speed(context, FRAMES * PATCHES_OF[tokens], vision["hidden_size"], vision["intermediate_size"]),
              "reference": flop["reference"] / inside, "decoder": flop["decoder"] / inside,
              "loss": flop["loss"] / speed(context, answer, text["hidden_size"], vocabulary)}
    seconds = {"eye": whole - seen, "reference": seen - all_kept, "decoder": all_kept - loss, "loss": loss}
    names = {"eye": "pictures read and resized, eye", "reference": "reference", "decoder": "decoder, forward and back, and update",
             "loss": "head and loss"}
    return {"name": f"{tokens} tokens a frame, V {vocabulary}", "seconds": whole,
            "stages": [{"name": names[key], "seconds": seconds[key], "floor": floors[key], "flop": flop[key]} for key in names]}


def all_stages(context):
    return [stages(context, *shape) for shape in ([(16, 8192)] if context.quick else [(16, 8192), (64, 32000)])]
