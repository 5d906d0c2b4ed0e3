"""Hostile replies to the rows of scorers_rows.py. Nothing is drawn: the same lists every time."""

# `{K}` the letter of the answer, `{k}` the same small, `{T}` the text of its option; `{L}` and `{U}` those of another one.
# fmt: off
LETTER_FORMS = [
    "{K}", "{k}", "({K})", "({k})", "[{K}]", "{{{K}}}", "{K}.", "{K})", "{K}:", "{K},", "{K} ", " {K}\n", "\t{K}\t",
    "({K}", "{K}]", "(({K}))", "**{K}**", "*{K}*", "`{K}`", "\"{K}\"", "'{K}'", "\u201c{K}\u201d", "\u2018{K}\u2019",
    "<b>{K}</b>", "<answer>{K}</answer>", "\\boxed{{{K}}}", "{K}</s>", "</s>{K}", "{K}<|im_end|>", "({K}) {T}",
    "({k}) {T}", "{K}. {T}", "{K}) {T}", "{K}: {T}", "{K} {T}", "{T}", "{T}.", " {T} ", "{U}", "{K}, {L}",
    "{K} or {L}", "{K} and {L}", "{K}{L}", "({K})({L})", "{K}/{L}", "{L}, {K}", "({K}), {T}", "{K}, {T}", ", {K}",
    "( {K} )", "{K}\n{T}", "{K}\n\n{L}", "{K}.\n{T}", "{T}\n{K}", "{K}. {T}\n{L}. {U}", "{K}.{L}.", "x.{k}", "x,{k}",
    "1.{k}", "{k}.1", "{k},1", "3,000 ({k})", "The answer is {K}", "The answer is {K}.", "the answer is {k}",
    "The answer is ({K}) {T}.", "The answer is: {K}", "The answer is **{K}**.", "The answer is **{k}**",
    "The correct answer is {K}", "The correct answer is {K}, not {L}.", "The best answer is {K}", "Best answer: {K}",
    "The best option is {K}", "The correct option is {K}", "Best option: {K}", "Best option:({K}", "Answer: {K}",
    "Answer:{K}", "Answer {K}", "answer: {k}", "Option: {K}", "Option {K}", "option ({K})", "The correct answer: {K}",
    "The correct option: {K}", "Correct answer: {K}", "The answer would be {K}.", "My answer is {K}",
    "my choice is {K} because of {L}", "I choose {K}", "I pick {K} over {L}", "I \u017felect {K}", "I pic\u212a {K}",
    "I select option {K}, for {L} is wrong", "The choice is {K}; {L} is wrong.", "The an\u017fwer i\u017f {K} today",
    "The best answer isThe answer is{K}", "The best option isThe correct option is {K}",
    "Best answer:Best option: {K}", "Final answer: {K}", "It is not {L}, it is {K}.", "{L} is wrong. {K} is right.",
    "Not {K}", "Neither {K} nor {L}", "{K}? No, {L}.", "Maybe {K}", "\u7b54\u6848\u662f{K}",
    "\u7b54\u6848\u4e3a{K}\u3002", "\u9009{K}", "\u6b63\u786e\u7b54\u6848\uff1a{K}", "\uc815\ub2f5\uc740 {K}",
    "\ub2f5: {K}", "\uc635\uc158 {K}", "\u7b54\u3048\u306f{K}\u3067\u3059", "{K}\u3002", "\u300c{K}\u300d",
    "\uff08{K}\uff09", "\uff22", "\u24b7", "\u0411", "\u0392", "\u00a0{K}\u00a0", "\u3000{K}", "\u200b{K}",
    "\u0085{K}", "\u001c{K}", "\ufeff{K}", "{K}\u0301", "e\u0301 {K}", "\u017f {K}", "\u0130 {K}", "\u0130{k}",
    "\u0131 {K}", "\u212a {K}", "\u212a", "\u0131", "\u0130", "\u017f", "\u0149 {k}", "\u1e96 {k}", "\u0390{k}",
    "\u00df {k}", "\ufb01 {k}", "\u00c9{K}", "\u00e9 {k}", "{K}\u00e9", "_{K}_", "{K}_1", "\u0661,\u0662 {k}",
    "x.\u0661{k}", "\u00b2,\u00b3 {k}", "...{k}", "." * 31 + "x.{k}", "." * 32 + "x.{k}", "{K}" * 3, "{K} {K}",
    "-{K}-", "{K};{L}", "{K}|{L}", "#{K}", "{K}!", "{K}?", "{K} is it?", "A person does it.", "A man {T}",
    "I see A thing", "a dog", "Both of them", "Dog", "Bob", "Moving on", "Based on the video, {K}", "E", "(E)", "e.",
    "Z", "(Z) none", "F.", "@", "@)", "(@)", "(", ")", "()", "[", "", " ", "\n", "\n\n", ".", "...", ",", "?!", "'\"",
    "0", "1", "2", "3", "42", "4.", "1,000", "-1", "None of the above", "none", "nan", "N/A", "null",
    "Sorry, I can't help with images of people yet.", "I can't process this file.",
    "I'm sorry, but without the image provided I cannot say.", "Cannot determine the answer",
    "Failed to obtain answer via API.", "I do not know.", "As an AI I cannot watch videos.",
    "The video shows {T}, so {K}.", "The video shows {U} first and {T} later.",
    "In the clip the person looks around for a long while and does nothing at all of note here.",
    "{L}. But on second thought, {K}.", "{K} " + "because it is so. " * 12,
    "The frames show that somebody enters, waits, and leaves again; " * 6 + "so the answer is {K}.", "{T} " * 9,
    "Question: which one?\nOptions:\n(A) x\n(B) y\nBest option: ({K}", "<think>It could be {L}.</think>{K}",
    "```\n{K}\n```", "{{\"answer\": \"{K}\"}}", "1. {K}\n2. {L}", "{K}.  ", "B. it belongs to it (U.S.A. B.)",
    "Option {K}: {T}", "{K} - {T}", "{K}\u2014{T}", "{K} & {L}", "only {K}", "{k} is the answer", "{K}'s the one",
    "choice: {k}", "THE ANSWER IS {K}", "ANSWER IS {L}{K}", "Answer is Dogs", "answer is  {k}", "answer  is\n{k}",
]

YES_NO_FORMS = [
    "Yes", "No", "yes", "no", "YES", "NO", "Yes.", "No.", "yes,", "no,", "Yes!", "No!", "(Yes)", "\"Yes\"",
    "\u201cNo\u201d", "'no'", "**Yes**", "*no*", " Yes ", "\nNo\n", "\u3000yes", "\u001cno", "\u200byes", "\ufeffno",
    "Yes</s>", "</s>No", "No</s></s>", "Yes, it is.", "No, it is not.", "Yes. No.", "No. Yes.", "Yes or no", "yes/no",
    "Neither yes nor no", "No yes", "Yes no", "yesno", "noyes", "Yes1", "no_", "_yes_", "yes-no", "ye\u017f",
    "YE\u017f", "ye\u017f, it is", "n\u00f6", "n\u00ba", "no\u0301", "yes\u0301", "\u00e9yes", "yes\u00e9",
    "yes\u7684", "\u662f", "\u4e0d", "yes\u3002", "\u300cno\u300d", "n\u2000o", "yes\u00a0", "no\u00b2", "no\u0661",
    "nothing", "Nothing happens.", "none", "Not at all", "Nope", "nobody", "noon", "now", "North", "Yesterday",
    "yes-man", "yeah", "Yep", "y", "n", "Y", "N", "(Y)", "(N)", "true", "false", "True.", "0", "1", "", " ", "\n",
    ".", ",", ". Yes", ", no", ".,", "It is, yes.", "I would say no.", "The answer is yes.", "The answer is: No",
    "Answer: yes", "answer: no", "I say yes, not no.", "There is no dog.", "There is a dog.", "No dog, yes a cat.",
    "not yes", "isn't it? yes", "Yes, because there is no cat.", "No; yes would be wrong", "I do not know.",
    "Cannot determine the answer", "As an AI I cannot watch videos.", "I'm sorry, but without the image provided",
    "Failed to obtain answer via API.", "nan", "<b>Yes</b>", "<think>no</think>yes", "\\boxed{{yes}}", "```\nno\n```",
    "Yes " * 40, "The clip goes on for a while and shows a garden; " * 8 + "no.", "Yes\nNo", "No\nYes", "1. Yes",
    "A. Yes", "B", "yes;no", "no.yes", "no,yes", "yes.no", "Yes,no.", "N.O.", "Y.E.S.", "nO", "yEs", "\u0130yes",
    "yes\u0130", "NO\u0130", "\u212ano", "Yes it is\u2026", "no\u2026", "YES.", "yes .", "no ,", "\tyes\t.", "Yes?",
    "No?", "the word yes", "the word no stands here", "know", "eyes", "knows yes", "no-one", "no one", "Yes & no",
    "SI", "Non", "nein", "ja", "\uc608", "\u3044\u3044\u3048",
]

SCENE_FORMS = [
    "Scene change: Yes, Locations: {G}", "Scene change: Yes, Locations: {H}", "Scene change: No, Locations: None",
    "Scene change: No, Locations: None.", "Scene change: yes, Locations: {G}", "scene change: YES, Locations: {G}",
    "Scene Change: no, locations: none", "Scene change: Yes.", "Scene change: No.", "Scene change: Yes",
    "Scene change: No", "Scene change: Yes, Location: {G}", "Scene change: Yes. Locations: {G}",
    "Scene change:Yes, Locations: {G}", "Scene change: Yes,Locations: {G}", "Scene change: Yes,  Locations: {G}",
    "Yes", "No", "yes", "Yes.", "yes,", "Yes, there is.", "No, there is none.", "Yes, Locations: {G}",
    "Locations: {G}", ", Locations: {G}", "Scene change: Yes, Locations: from the first place to the second",
    "Scene change: Yes, Locations: from [a kitchen] to [a garden].",
    "Scene change: Yes, Locations: From A Kitchen To A Garden.",
    "Scene change: Yes, Locations: a kitchen to a garden.", "Scene change: Yes, Locations: It goes {G}",
    "Scene change: Yes, Locations: {G} And then {H}", "Scene change: Yes, Locations: from a to b to c.",
    "Scene change: Yes, Locations: from going to town to home.", "Scene change: Yes, Locations: from a\nto b.",
    "Scene change: Yes, Locations: from a to b\n.", "Scene change: Yes, Locations: from  to b.",
    "Scene change: Yes, Locations: from a to .", "Scene change: Yes, Locations: from a to ..",
    "Scene change: Yes, Locations: from a to b. to c.", "Scene change: Yes, Locations: from U.S. to U.K.",
    "Scene change: Yes, Locations: from \u00e9tage to jardin.",
    "Scene change: Yes, Locations: from \u5382\u623f to \u82b1\u56ed\u3002",
    "Scene change: Yes, Locations: from a TO b.", "Scene change: Yes, Locations: fro\u0304m a to b.",
    "Scene change: ye\u017f, Locations: {G}", "Scene change: YE\u017f", "Scene change:  Yes , Locations: {G}",
    "Scene change: \u00a0Yes\u3000, Locations: {G}", "Scene change: \u200bYes", "Scene change: Yes: no", "a: b: yes",
    "a: yes", "a: yes, b", "a: no, yes", ": yes", ": ", "yes: no", "no: yes", "no, yes", "yes, no", "", " ", "\n",
    ".", "None", "Scene change", "Scene change: ", "Scene change: None", "Scene change: Maybe", "Scene change: 'Yes'",
    "Scene change: \"Yes\", Locations: \"{G}\"", "'Scene change: Yes, Locations: {G}'", "Scene change: **Yes**",
    "**Scene change:** Yes", "**Scene change**: Yes, **Locations**: {G}", "The scene changes {G}",
    "There is no scene change.", "There is a scene change: yes", "There is a scene change: yes, {G}",
    "A scene change occurs.", "Scene change: Yes</s>", "Scene change: Yes<|im_end|>",
    "Scene change: Yes\nLocations: {G}", "Scene change: Yes,\nLocations: {G}", "Scene change: No\n",
    "Scene change: Yes\n", "Scene change: Yes, Locations: {G}, Locations: {H}", "Scene change: No, Locations: {G}",
    "Scene change: Yes, Locations: None", "Scene change: Yes, Locations: ", "Scene change: Yes, Locations:",
    "Scene change: yes, Locations:  {G}  ", "\u573a\u666f\u53d8\u5316\uff1a\u662f", "Scene change\uff1aYes",
    "<b>Scene change: Yes</b>", "I do not know.", "1", "0", "True", "A", "(A) Yes",
    "Scene change: Yes, Locations: " + "from here to there, " * 20 + "{G}",
    "Scene change: No. The clip stays in one room, and nothing else is seen; " * 3, "No: yes.", "Answer: Yes",
    "Answer: No", "answer: yes, Locations: {H}", "Yes: , Locations: {G}", "Scene change: yEs",
]

CAPTION_FORMS = [
    "{N} {K}", "{N} {K}.", "{N} {K}: {T}", "{N} {L}: {U}", "{N} {L}", "{n} {k}", "Option 2", "Option 1.", "Caption A",
    "Sentence B", "Sentence {K}.", "{T}", "{U}", "({K}) {T}", "({K}) {U}", "({L}) {T}", "{K}) {T}", "{K}: {T}",
    "{K}. {T}", "({K}) {N} {K}: {T}", "{N} {K}: {T}</s>", "x) {T}) y", ") {T}", "{T}) ", "{N} {K} is better.",
    "The better one is {N} {K}.", "{N}{K}", "{N} {K}:", "{N}  {K}", " {N} {K} ", "\u3000{N} {K}\u3000", "{N}. {K}.",
    "{N} {K}\n", "{K}.{L}.", ".{K}", "{K}..", "{T}.", " {T}", "{T}</s>", "{N} {K}: {T} {U}", "{N} {K}, {N} {L}",
    "{N} {K}: {T}\n{N} {L}: {U}", "Caption C", "3", "C", "Option 3", "Which caption", "both", "Neither {K} nor {L}",
]
MME2_FORMS = [
    "Final Answer: {K}", "Final Answer:{K}.", "final answer: {K}", "**Final Answer: {K}**", "Final Answer: <{K}>",
    "Final The best answer isAnswer: {K}", "Final Option:Answer:{K}", "Final Answer: The answer is {k}", "Best Answer: {K}",
    "Answer: Final Answer: {K}", "The answerFinal Answer: {L}", "Final Best option:Answer: {K}", "H", "G)", "(H) none", "I",
    "Cannot be determined.", "he goes home and she stays where she is for the rest of it", "I think of it",
]
# fmt: on


def filled(form, item):
    """A form with the row's own keys and texts; of an answer that is no option the first one's."""
    choices = item["options"]
    keys = [one["key"] for one in choices]
    at = keys.index(item["answer"]["keys"][0]) if item["answer"]["keys"] else 0
    other = choices[(at + 1) % len(choices)]
    name = item["answer"]["text"].split(" ")[0]
    own = {"K": keys[at], "k": keys[at].lower(), "T": choices[at]["text"]}
    return form.format(**own, L=other["key"], U=other["text"], N=name, n=name.lower())


def replies(item, number, share):
    """Every `share`-th form, from another one on for each row of a benchmark."""
    form = item["format"]
    if form == "yesno":
        return [text.format() for text in YES_NO_FORMS]
    if form == "scene_change":
        return scene_replies()
    letters = LETTER_FORMS[number % share :: share]
    chosen = CAPTION_FORMS + letters if form == "caption_match" else letters
    chosen = MME2_FORMS + chosen if item["benchmark"] == "videomme_v2" else chosen
    return list(dict.fromkeys(filled(text, item) for text in chosen))


def scene_replies():
    return [text.format(G="from a kitchen to a garden.", H="from a street to a shop.") for text in SCENE_FORMS]
