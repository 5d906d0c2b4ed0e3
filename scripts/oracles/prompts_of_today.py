"""prompts.py for the benchmarks that came after the paper and have a script that asks."""
import os

from prompts_of_tasks import LLAVA, LMMS, assigned, run

ROW = {"question": "What does the square do? ", "options": "A. It moves.\nB.It “stops”.\nC. It blinks,\nagain.\nD. None. "}


def videomme_v2(sources):
    """The texts behind the frames as chat templates put them: side by side."""
    file = sources.mme2 / "evaluation" / "test_video_mme_v2.py"
    words = ["WO_SUB_PROMPT", "WITH_SUB_PROMPT", "WITH_SUB_PROMPT_INTERLEAVE", "THINK_PROMPT", "INSTRUCT_PROMPT"]
    clip = ([], [], {"fps": 1.0, "n_frames": 1})
    made = sources.names(file, [*words, "build_chat_messages"], {"osp": os.path, "extract_frames": lambda *_, **__: clip})
    message, = made.build_chat_messages({**ROW, "video": "001"}, "", None, 64, -1, False, False, False)
    assert message["role"] == "user" and {part["type"] for part in message["content"]} == {"text"}
    task = sources.names(sources.lmms / "videomme_v2" / "utils.py", ["videomme_v2_doc_to_text"])
    return {"task": "videomme_v2", **ROW}, {
        LLAVA: ("", "".join(part["text"] for part in message["content"]), ""),
        LMMS: ("", task.videomme_v2_doc_to_text(ROW, {"pre_prompt": "", "post_prompt": "\nAnswer."}), "")}


def eventhallusion(sources):
    file = sources.events / "inference_template" / "videollava" / "eval" / "self_bench" / "run_inference.py"
    question = " Is the “square” moving? "
    statements = assigned(sources, file, "answer_prompt") + assigned(sources, file, "inp")
    space = run(statements, question={"question": question})
    return {"task": "entire", "question": question}, {LLAVA: ("", space["inp"], "")}


BENCHMARKS = {"videomme_v2": ("mme2", videomme_v2), "eventhallusion": ("events", eventhallusion)}


def those_of(sources):
    """The benchmarks whose scripts are there."""
    return {name: function for name, (folder, function) in BENCHMARKS.items() if getattr(sources, folder)}
