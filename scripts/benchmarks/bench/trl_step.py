"""One step of DPO: rrpo-train against TRL's DPOTrainer, a tiny model of 8 frames, batch 1.

TRL's collator of preferences with pictures, its trainer and its loss, with gradient checkpointing off (on would only be
slower). Its processor is one of ours, for the frames stand in the place of a video there as they do here: the same tokens on
both sides. Both read and resize the pictures in their step."""
import time
from functools import partial

import worlds
from common import Line, Unequal, package, within

import step_7b

BETA = 0.1


def processor_of(world):
    """Text and pictures to ids and pixels; the prompts hold one <video> for each visual token already."""
    transformers, torch = package("transformers"), package("torch")
    numpy, image = package("numpy"), package("PIL.Image")
    side = step_7b.SIZES[world.args.size]["vision"]["image_size"]

    class FrameProcessor(transformers.ProcessorMixin):
        attributes = ["tokenizer"]
        tokenizer_class = "AutoTokenizer"

        def __call__(self, images=None, text=None, padding=True, padding_side="right", return_tensors="pt", **_):
            found = self.tokenizer(text, padding=padding, padding_side=padding_side, return_tensors=return_tensors,
                                   add_special_tokens=False)
            if images is not None:
                clips = [[numpy.asarray(frame.convert("RGB").resize((side, side), image.Resampling.BICUBIC)) for frame in clip]
                         for clip in images]
                pixels = torch.from_numpy(numpy.stack([numpy.stack(clip) for clip in clips])).permute(0, 1, 4, 2, 3)
                found["pixel_values_videos"] = ((pixels.float() * (1 / 255) - 0.5) / 0.5).contiguous()
            return found
    return FrameProcessor(tokenizer=world.text.tokenizer)


def dataset_of(world):
    datasets = package("datasets")
    datasets.disable_progress_bars()
    rows, tokenizer = [], world.text.tokenizer
    for row in world.rows:
        prompt = tokenizer.decode(step_7b.prompt_of(world.text, row, world.args), skip_special_tokens=False)
        rows.append({"prompt": prompt, "images": [str(world.args.work / "frames" / name) for name in row["frames"]],
                     **{side: row[side]["text"] + "<|im_end|>" for side in step_7b.SIDES}})
    return datasets.Dataset.from_list(rows).cast_column("images", datasets.Sequence(datasets.Image()))


class Trainer:
    def __init__(self, world, folder):
        trl, peft, transformers = package("trl"), package("peft"), package("transformers")
        size = step_7b.SIZES[world.args.size]
        lora = peft.LoraConfig(r=size["rank"], lora_alpha=2 * size["rank"], lora_dropout=0.0, task_type="CAUSAL_LM",
                               target_modules=world.adapted.peft_config["default"].target_modules)
        self.stamps = stamps = []

        class Clock(transformers.TrainerCallback):
            def on_step_end(self, *_, **__):
                stamps.append(time.process_time())
        arguments = trl.DPOConfig(
            output_dir=str(folder), per_device_train_batch_size=1, max_steps=1, learning_rate=0.0, beta=BETA, max_length=None,
            gradient_checkpointing=False, bf16=False, use_cpu=True, report_to="none", save_strategy="no", logging_steps=1,
            disable_tqdm=True, dataloader_num_workers=0, seed=1)
        self.trainer = trl.DPOTrainer(model=fresh_model(world), args=arguments, train_dataset=dataset_of(world),
                                      processing_class=processor_of(world), peft_config=lora, callbacks=[Clock()])
        self.trainer.remove_callback(transformers.PrinterCallback)
        self.trainer._get_train_sampler = lambda *_: package("torch").utils.data.SequentialSampler(self.trainer.train_dataset)
        own = peft.utils.get_peft_model_state_dict(world.adapted)
        peft.utils.set_peft_model_state_dict(self.trainer.model, own)

    def run(self, steps):
        """The log of the first step."""
        self.stamps.clear()
        self.trainer.args.max_steps = steps
        self.trainer.train()
        return next(entry for entry in self.trainer.state.log_history if "loss" in entry)

    def step(self, steps):
        self.run(steps)
        return (self.stamps[-1] - self.stamps[0]) / (len(self.stamps) - 1)


def fresh_model(world):
    """The checkpoint once more: TRL puts an adapter of its own on it."""
    transformers = package("transformers")
    return transformers.LlavaOnevisionForConditionalGeneration.from_pretrained(world.args.work / "model", dtype="float32")


def step_sides(context):
    for name in ("trl", "datasets"):
        package(name)
    world = worlds.world(context, 16, 8192)
    trainer = Trainer(world, context.folder("trl"))
    settings = (*world.uncached(), "objective.name=dpo", f"objective.beta={BETA}")
    first, theirs = world.train(1, *settings, rrpo=False)[1][0], trainer.run(1)
    within("DPO's loss of the first step", abs(first["loss"] - theirs["loss"]) / abs(first["loss"]), 1e-3)
    within("norm of its gradient", abs(first["grad_norm"] - theirs["grad_norm"]) / first["grad_norm"], 1e-2)
    if first["rewards/margins"] == 0:
        raise Unequal("the adapter changes nothing: the loss would be equal whatever it computes")
    few, many, steps = (4, 12, 4) if context.quick else (4, 24, 6)
    return partial(world.own_step, settings, few, many, rrpo=False), {"TRL": partial(trainer.step, steps)}


def lines(quick):
    return [Line("step of DPO, 16 tokens a frame, V 8192, nothing kept", "8 frames, 2 x 60 answer tokens, batch 1", step_sides,
                 targets={"TRL": 4.0}, repeats=3 if quick else 5)]
