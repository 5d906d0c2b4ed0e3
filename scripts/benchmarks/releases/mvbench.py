"""MVBench: json/TASK.json, video/ by source. The zips of clevrer and star unpack below video/data0613/, a recording of NTU
RGB+D is missing, episodic_reasoning has folders of pictures."""
from .common import clip, pictures, write_json, write_text

FOLDERS = {"star/Charades_v1_480": ("action_sequence", "action_prediction", "object_interaction"),
           "ssv2_video": ("action_antonym",), "Moments_in_Time_Raw/videos": ("fine_grained_action",),
           "FunQA_test/test": ("unexpected_action",),
           "clevrer/video_validation": ("object_existence", "moving_direction", "moving_count", "moving_attribute",
                                        "counterfactual_inference"),
           "perception/videos": ("object_shuffle", "action_count", "state_change", "character_order"),
           "sta/sta_video": ("action_localization",), "scene_qa/video": ("scene_transition",),
           "nturgbd": ("fine_grained_pose",), "vlnqa": ("egocentric_navigation",),
           "tvqa/frames_fps3_hq": ("episodic_reasoning",)}
BOUNDS = {"action_sequence", "action_prediction", "object_interaction", "action_localization", "episodic_reasoning"}
# What the file names of a task look like; the others have TASK_0.mp4 and TASK_1.mp4.
FILES = {"fine_grained_action": ("validation/adult+female+speaking/giphy-1.mp4", "validation/bathing/yt-2_3.mp4"),
         "unexpected_action": ("test_humor/H_T_1_0000_0010.mp4", "test_creative/C_K_2.mp4"),
         "egocentric_navigation": ("left/45_frame5.mp4", "stop/7_frame0.mp4"),
         "action_antonym": ("1001.webm", "1002.webm"),
         "fine_grained_pose": ("S001C001P001R001A001_rgb.avi", "S010C002P017R002A005_rgb.avi"),
         "episodic_reasoning": ("castle_s01e01_seg02_clip_14", "s08e07_seg01_clip_00/"),
         # both sources have a video_3.mp4; that of clevrer is missing
         "action_count": ("video_3.mp4", "video_4.mp4"), "moving_count": ("video_3.mp4", "video_5.mp4"),
         # one clip, three questions
         "action_sequence": ("AJTDO.mp4", "AJTDO.mp4"), "action_prediction": ("AJTDO.mp4", "BBBBB.mp4")}
MISSING = {("fine_grained_pose", 0), ("moving_count", 0)}
KINDS = ("move", "left", "blink", "cut")


def row_of(task, index, file):
    row = {"video": file, "question": f"What does the square do in part {index + 1} of {task.replace('_', ' ')}?",
           "candidates": ["It goes right.", "It goes left.", "It blinks.", "It changes."][:3 + index],
           "answer": "It goes left." if index else "It goes right."}
    if task in BOUNDS:
        row |= {"start": 0.25 * index, "end": 0.9}
    if task == "episodic_reasoning":
        row |= {"subtitle": "(One:)Look, a square.\n(Two:)So it is.", "show_name": "Shapes", "fps": 3}
        row |= {"start": 0.3 + index, "end": 3.0}
    if task == "counterfactual_inference" and index == 1:
        row["candidates"] = ["It goes left."]
    if task == "character_order" and index == 0:
        row["candidates"] = ["It goes right.", "It blinks.", "It blinks."]
    return row


def make_media(folder, source, task, index, file):
    above = folder / "video" / ("data0613" if source.split("/")[0] in ("clevrer", "star") else "")
    if (task, index) in MISSING:
        return
    if task == "episodic_reasoning":
        pictures(above / source / file, kind=KINDS[index], seconds=4)
    else:
        clip(above / source / file, kind=KINDS[index], seed=len(source) % 3)


def make(folder):
    tasks, media = {}, set()
    for source, names in FOLDERS.items():
        for task in names:
            files = FILES.get(task, (f"{task}_0.mp4", f"{task}_1.mp4"))
            tasks[task] = len(files)
            write_json(folder / "json" / f"{task}.json", [row_of(task, i, file) for i, file in enumerate(files)])
            for i, file in enumerate(files):
                media.add((source, file))
                make_media(folder, source, task, i, file)
    write_text(folder / "video" / "MVBench_videos_ntu.txt", "".join(f"{file}\n" for file in FILES["fine_grained_pose"]))
    return {"questions": sum(tasks.values()), "videos": len(media), "tasks": tasks,
            "odd": {"equal_candidates": 1, "single_candidate": 1},
            "missing_media": ["video/clevrer/video_validation/video_3.mp4", "video/nturgbd/S001C001P001R001A001_rgb.avi"]}
