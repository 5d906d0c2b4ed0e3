"""prompts.py for TempCompass, VideoHallucer, VidHalluc and Video-MME, whose tasks are asked in different ways."""
import ast
import json
import os
import re
import tempfile
import types
from pathlib import Path

LLAVA, VIDEOCHAT2, LONGVU, LMMS = "rrpo-llava", "rrpo-videochat2", "rrpo-longvu", "lmms"
MODELS = {LLAVA: "llavavideo_qwen_7b", VIDEOCHAT2: "videochat2_mistral_7b", LONGVU: "longvu_qwen_7b"}
GIVEN = ("system", "system_q", "system_llm", "question_prompt", "answer_prompt")
stub = types.SimpleNamespace


def assigned(sources, file, name):
    """The statements of a script that give `name` a value, in their order."""
    def target(node):
        return ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)
    nodes = [node for node in ast.walk(sources.tree(file)) if isinstance(node, (ast.Assign, ast.AugAssign))]
    found = [node for node in nodes if target(node) == name]
    assert found, f"{file}: gives no {name}"
    return sorted(found, key=lambda node: node.lineno)


def run(statements, **space):
    exec(compile(ast.Module(list(statements), []), "script", "exec"), space)
    return space


# TempCompass


def tempcompass(task, question):
    def prompts(sources):
        folder = sources.rrpo / "eval" / "tempcompass"

        def of(file):
            suffixes = sources.names(folder / file, ["answer_prompt"]).answer_prompt
            return run(assigned(sources, folder / file, "model_input"), question={"question": question},
                       answer_prompt=suffixes, args=stub(task_type=task))["model_input"]
        text = of("infer.py")
        assert "question_prompt" not in sources.texts(sources.branch(folder / "infer.py", MODELS[VIDEOCHAT2]))
        method = "tempcompass_doc_to_text_" + task.replace("-", "_")
        lmms = sources.names(sources.lmms / "tempcompass" / "utils.py", [method])
        settings = (sources.lmms / "tempcompass" / "_default_template_yaml").read_text(encoding="utf-8")
        post = ast.literal_eval(re.search(r"post_prompt: (\{.*?\})", settings, re.S).group(1))
        asked = getattr(lmms, method)({"question": question}, {"pre_prompt": "", "post_prompt": post})
        return {"task": task, "question": question}, {
            LLAVA: ("", text, ""), VIDEOCHAT2: sources.videochat2(folder / "infer.py", text),
            LONGVU: ("", of("infer_longvu.py"), ""), LMMS: ("", asked, "")}
    return prompts


# VideoHallucer


def videohallucer(sources):
    question = " Is there a “square” in the video? "
    pair = {half: {"video": "a.mp4", "question": question, "answer": "yes"} for half in ("basic", "hallucination")}

    def of(file):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "pairs.json"
            path.write_text(json.dumps([pair]))
            file = sources.rrpo / "eval" / "videohallucer" / file
            made = sources.names(file, ["prepare_questions"], {"json": json, "os": os})
            one, = made.prepare_questions(path, "obj_rel", "")
        assert one["basic"]["basic_question"] == one["hallucination"]["halluc_question"]
        return one["basic"]["basic_question"]
    asked = of("evaluate_videochat2.py")
    return {"task": "pair_qa", "question": question}, {
        LLAVA: ("", of("evaluate_llavavideo.py"), ""), VIDEOCHAT2: sources.videochat2_run(asked, {}),
        LONGVU: ("", of("evaluate_longvu.py"), "")}


# VidHalluc: the scripts' own run_inference, with a model that only listens


def heard(sources, file, model, inputs):
    """The question and the named arguments that run_inference hands to the model."""
    calls = []

    def get_model_output(*given, **named):
        if model == MODELS[VIDEOCHAT2]:
            named["question"] = given[4]
        calls.append(named)
        return "A"
    place = stub(isdir=lambda _: False, exists=lambda _: True)
    made = sources.names(file, ["run_inference"], {
        "os": stub(path=place), "args": stub(base_model_name=model, model_max_length=1), "num_frame": 1, "resolution": 1,
        "version": "qwen", "get_model_output": get_model_output})
    made.run_inference({"video_path": "a.mp4", **inputs}, None, None, None)
    return calls[0]


def vidhalluc(task, published):
    def prompts(sources):
        file = sources.rrpo / "eval" / "vidhalluc" / f"video_hallu_{task}.py"
        inputs = dict(published)
        if task == "bqa":
            inputs = {"question": run(assigned(sources, file, "prompt"), question={"q": published["question"]})["prompt"]}
        if task == "sth":
            inputs = {"question": run(node for node in assigned(sources, file, "question")
                                      if isinstance(node.value, ast.Constant))["question"]}
        calls = {profile: heard(sources, file, model, inputs) for profile, model in MODELS.items()}
        asked = {key: calls[VIDEOCHAT2][key] for key in GIVEN}
        return {"task": task, **published}, {
            LLAVA: ("", calls[LLAVA]["question"], ""), LONGVU: ("", calls[LONGVU]["question"], ""),
            VIDEOCHAT2: sources.videochat2_run(calls[VIDEOCHAT2]["question"], asked)}
    return prompts


# Video-MME

MME = {"question": "What does the square do? ",
       "options": ["A. It moves.", "B. It “stops”.", "C. It blinks.", "D. It sings. "]}


def videomme_longvu(sources, with_subtitles, cues):
    """Of the two loops, the one with or without subtitles."""
    file = sources.rrpo / "eval" / "videomme" / "infer_longvu.py"
    parts = assigned(sources, file, "instruct")
    parts = parts[:len(parts) // 2] if with_subtitles else parts[len(parts) // 2:]
    text = run(parts, q=MME["question"], options="\n".join(MME["options"]))["instruct"]
    glued, plain, without = assigned(sources, file, "prompt")
    chosen = (glued if cues else plain) if with_subtitles else without
    return run([chosen], instruct=text, subtitle=cues)["prompt"]


def videomme_lmms(sources, with_subtitles, cues):
    folder = sources.lmms / "videomme"
    settings = (folder / ("videomme_w_subtitle.yaml" if with_subtitles else "videomme.yaml")).read_text(encoding="utf-8")
    post = ast.literal_eval(re.search(r"\n  llava_vid:.*?post_prompt: (\".*?\")", settings, re.S).group(1))
    said = [(0, 9, f'<font color="white" size=".72c">{cue}</font>') for cue in (cues or "").split("\n") if cue]
    made = sources.names(folder / "utils.py", ["videomme_doc_to_text", "videomme_doc_to_text_subtitle"], {
        "os": stub(path=stub(join=lambda *parts: "/".join(parts), exists=lambda _: cues is not None)), "re": re,
        "base_cache_dir": "", "cache_name": "", "open": lambda _: stub(readlines=lambda: ["1\n"]),
        "np": stub(linspace=lambda *_, **__: stub(tolist=lambda: [0])), "extract_subtitles": lambda *_: (said, 9)})
    row, settings = {**MME, "videoID": "v"}, {"pre_prompt": "", "post_prompt": post, "frame_num": 768}
    return (made.videomme_doc_to_text_subtitle if with_subtitles else made.videomme_doc_to_text)(row, settings)


def videomme(with_subtitles, cues=None):
    def prompts(sources):
        file = sources.rrpo / "eval" / "videomme" / "infer.py"
        words = sources.names(file, ["prompt_with_st", "prompt_general"])
        with_cues, silent, without = assigned(sources, file, "prompt")
        chosen = (with_cues if cues else silent) if with_subtitles else without
        text = run([chosen], **vars(words), subtitle=cues, question=MME["question"],
                   options="\n".join(MME["options"]))["prompt"]
        test = f"args.base_model_name == '{MODELS[VIDEOCHAT2]}'"
        branches = [node for node in ast.walk(sources.tree(file)) if isinstance(node, ast.If)
                    and ast.unparse(node.test) == test and "system_llm" in ast.unparse(node.body)]
        branch = sorted(branches, key=lambda node: node.lineno)[0 if with_subtitles else 1]
        texts = sources.texts(branch.body)
        asked = {key: texts[key] for key in GIVEN if key in texts}
        return {"task": "videomme", **MME, "cues": cues, "with_subtitles": with_subtitles}, {
            LLAVA: ("", text, ""), VIDEOCHAT2: sources.videochat2_run(text, asked),
            LONGVU: ("", videomme_longvu(sources, with_subtitles, cues), ""),
            LMMS: ("", videomme_lmms(sources, with_subtitles, cues), "")}
    return prompts


BENCHMARKS = {
    "tempcompass/multi-choice": tempcompass("multi-choice", "Where does it go?\nA. to the left\nB. to the right "),
    "tempcompass/yes_no": tempcompass("yes_no", "Does it move – at all? "),
    "tempcompass/caption_matching": tempcompass("caption_matching", "Which?\nCaption A: It moves.\nCaption B: It rests."),
    "tempcompass/captioning": tempcompass("captioning", "Write one.\nInformation A: {'it': 'moves'}\nGenerated Caption:"),
    "videohallucer": videohallucer,
    "vidhalluc/bqa": vidhalluc("bqa", {"question": "Does the “square” move?"}),
    "vidhalluc/mcq": vidhalluc("mcq", {"question": "What happens? ", "choices": {"A": "it moves ", "B": "it “stops”"}}),
    "vidhalluc/sth": vidhalluc("sth", {}),
    "videomme": videomme(False),
    "videomme/subtitles": videomme(True, "Here it comes.\nIt is “gone”."),
    "videomme/no_cue": videomme(True, ""),
    "videomme/no_subtitles": videomme(True),
}
