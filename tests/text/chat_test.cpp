#include "rrpo/text/chat.h"

#include <gtest/gtest.h>

#include "rrpo/text/jinja.h"
#include "rrpo/util/json_file.h"
#include "rrpo/util/table.h"
#include "support/temp_dir.h"

namespace rrpo::text {
namespace {

/// A template in the manner of those in circulation: `gap` follows the role, `break_after_video` stands in the video's
/// literal or else before the text, `end` closes a turn.
std::string jinja(const std::string& gap, bool break_after_video, const std::string& end) {
  const std::string video = break_after_video ? "{{ '<video>\\n' }}" : "{{ '<video>' }}";
  const std::string text = break_after_video ? "{{ content['text'] }}" : "{{ '\\n' + content['text'] }}";
  const std::string texts = "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}";
  return "{% for message in messages %}{{'<|im_start|>' + message['role'] + '" + gap +
         "'}}{# pictures first #}"
         "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>' }}{% endfor %}"
         "{% for content in message['content'] | selectattr('type', 'equalto', 'video') %}" +
         video + "{% endfor %}{% if message['role'] != 'assistant' %}" + texts + text + "{% endfor %}{% else %}" + texts +
         "{% generation %}" + text + "{% endgeneration %}{% endfor %}{% endif %}" + end +
         "{% endfor %}"
         "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
}

/// Conversations as InternVL's conversion writes them: contents in order, text alone allowed.
constexpr std::string_view kInternVl =
    "{% for m in messages %}{{'<|im_start|>' + m['role'] + '\\n'}}{% if m['content'] is string %}{{ m['content'] }}{% else "
    "%}"
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}{{ '<IMG_CONTEXT>\\n' }}{% elif c['type'] == 'video' %}"
    "{{ '<video>\\n' }}{% elif c['type'] == 'text' %}{{ c['text'] }}{% endif %}{% endfor %}{% endif %}{{'<|im_end|>\\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{'<|im_start|>assistant\\n' }}{% endif %}";

/// As Qwen2.5-VL's does: text outside of the tags, counters, a system turn where there is none.
constexpr std::string_view kQwen25Vl =
    "{% set images = namespace(value=0) %}{% set videos = namespace(value=0) %}{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% "
    "endif %}"
    "<|im_start|>{{ message['role'] }}\n{% if message['content'] is string %}{{ message['content'] }}<|im_end|>\n{% else %}"
    "{% for content in message['content'] %}{% if content['type'] == 'image' or 'image' in content or 'image_url' in "
    "content %}"
    "{% set images.value = images.value + 1 %}{% if number %}Picture {{ images.value }}: {% endif %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% elif content['type'] == 'video' or 'video' in content %}"
    "{% set videos.value = videos.value + 1 %}{% if number %}Video {{ videos.value }}: {% endif %}"
    "<|vision_start|><|video_pad|><|vision_end|>{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}"
    "<|im_end|>\n{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// As Qwen3-VL's does: tools, no system turn of its own, indented.
constexpr std::string_view kQwen3Vl = R"({%- if tools %}
    {{- '<|im_start|>system\n' }}
    {%- if messages[0].role == 'system' %}
        {{- messages[0].content[0].text + '\n\n' }}
    {%- endif %}
    {{- "# Tools\n\n{\"name\": <name>}}}\n" }}
    {%- for tool in tools %}
        {{- tool | tojson }}
    {%- endfor %}
{%- elif messages[0].role == 'system' %}
    {{- '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' }}
{%- endif %}
{%- set image_count = namespace(value=0) %}
{%- set video_count = namespace(value=0) %}
{%- for message in messages %}
    {%- if message.role == "user" %}
        {{- '<|im_start|>' + message.role + '\n' }}
        {%- if message.content is string %}
            {{- message.content }}
        {%- else %}
            {%- for content in message.content %}
                {%- if content.type == 'image' or 'image' in content %}
                    {%- set image_count.value = image_count.value + 1 %}
                    {%- if add_vision_id %}Picture {{ image_count.value }}: {% endif -%}
                    <|vision_start|><|image_pad|><|vision_end|>
                {%- elif content.type == 'video' or 'video' in content %}
                    {%- set video_count.value = video_count.value + 1 %}
                    {%- if add_vision_id %}Video {{ video_count.value }}: {% endif -%}
                    <|vision_start|><|video_pad|><|vision_end|>
                {%- elif 'text' in content %}
                    {{- content.text }}
                {%- endif %}
            {%- endfor %}
        {%- endif %}
        {{- '<|im_end|>\n' }}
    {%- elif message.role == "tool" and not (loop.last or messages[loop.index0 + 1].role != "tool") %}
        {{- message.content.strip('\n') }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{%- endif %}
)";

std::string name_of(const std::string& jinja) {
  const ChatTemplate* found = recognise_template(jinja);
  return found == nullptr ? "none" : found->name;
}

TEST(Recognise, TheTwoFormsInCirculation) {
  EXPECT_EQ(name_of(jinja("\\n", true, "{{'<|im_end|>' + '\\n'}}")), "onevision");
  EXPECT_EQ(name_of(jinja(" ", false, "{{'<|im_end|>'}}")), "onevision_2024");
}

TEST(Recognise, AFormOfTheFamilyWhereSeveralFit) {
  EXPECT_EQ(recognise_template(kInternVl, "internvl")->name, "internvl");
  EXPECT_EQ(recognise_template(kInternVl)->name, "onevision");
  EXPECT_EQ(recognise_template(kInternVl, "authors")->name, "onevision");
}

TEST(Recognise, WhatTemplatesOfTodayWrite) {
  const auto form = [](std::string_view text) { return read_prompt_form(text).value_or(PromptForm{}); };
  const std::string pads = "<|vision_start|><|video_pad|><|vision_end|>", answer = "<|im_end|>\n<|im_start|>assistant\n";
  EXPECT_EQ(form(kInternVl).before_question, "<|im_start|>user\n<video>\n");
  EXPECT_EQ(form(kInternVl).answer_start, answer);
  EXPECT_EQ(form(kQwen25Vl).before_question,
            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n" + pads);
  EXPECT_EQ(form(kQwen25Vl).answer_start, answer);
  EXPECT_EQ(form(kQwen3Vl).before_question, "<|im_start|>user\n" + pads);
  EXPECT_EQ(form(kQwen3Vl).answer_start, answer);
}

TEST(Recognise, NewlinesMayBeRealOnes) {  // as JSON decodes them
  std::string text = jinja("\\n", true, "{{'<|im_end|>' + '\\n'}}");
  for (size_t at = text.find("\\n"); at != std::string::npos; at = text.find("\\n")) text.replace(at, 2, "\n");
  EXPECT_EQ(name_of(text), "onevision");
}

TEST(Recognise, OurOwn) {
  const std::string text = read_file(test::source_file("data/toy/tokenizer/chat_template.jinja"), "test");
  EXPECT_EQ(name_of(text), "onevision");
}

TEST(Recognise, NothingElse) {
  EXPECT_EQ(name_of(""), "none");
  EXPECT_EQ(name_of("{{ unclosed"), "none");
  EXPECT_EQ(name_of(jinja("\\n", false, "{{'<|im_end|>'}}")), "none");               // a mixture of both
  EXPECT_EQ(name_of("You are.\n" + jinja(" ", false, "{{'<|im_end|>'}}")), "none");  // something before the turn
  EXPECT_EQ(name_of("{{ bos_token }}" + jinja(" ", false, "{{'<|im_end|>'}}")), "none");
  EXPECT_EQ(name_of(jinja(" ", false, "{% if not loop.last %}{{'<|im_end|>'}}{% endif %}")), "none");
  EXPECT_EQ(name_of("{{ messages[0]['content'] }} USER: <video>\n"), "none");
}

/// What a template writes, or `none`.
std::string written(std::string_view text, const Json& variables = Json::object()) {
  return render_template(text, variables).value_or("none");
}

TEST(Jinja, TrimsAsItIsSetUp) {
  const Json x = {{"x", true}};
  EXPECT_EQ(written("a\n  {% if x %}\nb {%- endif -%}  \n c", x), "a\nbc");
  EXPECT_EQ(written("{{ 'it''s' }}"), "its");
  EXPECT_EQ(written("{{ \"a\\\"b}}\" + x['k'] + 'c' }} d", {{"x", {{"k", "K"}}}}), "a\"b}}Kc d");
  EXPECT_EQ(written("a {# it's a note #} b\n"), "a  b");
}

TEST(Jinja, ExpressionsOfTemplates) {
  const Json given = {{"list", {1, 2, 3}}, {"text", "ab"}, {"object", {{"k", "v"}}}};
  EXPECT_EQ(written("{{ list[0] }}{{ list[-1] }}{{ list | length }}{{ object.k }}{{ object.missing }}", given), "133v");
  EXPECT_EQ(written("{{ 'y' if not missing and 'k' in object and 'z' not in object else 'n' }}", given), "y");
  EXPECT_EQ(written("{{ 'y' if text is string and list is not string and missing is undefined else 'n' }}", given), "y");
  EXPECT_EQ(written("{{ 'y' if 5 % 2 == 1 and (1 + 1) == 2 or broken.down() else 'n' }}", given), "y");
  EXPECT_EQ(written("{% for i in list if i != 2 %}{{ i }}{{ ',' if not loop.last }}{% endfor %}", given), "1,3");
  EXPECT_EQ(written("{% set n = namespace(v=0) %}{% for i in list %}{% set n.v = n.v + i %}{% set m = i %}{% endfor %}{{ "
                    "n.v }}{{ m }}",
                    given),
            "6");
}

TEST(Jinja, SaysNothingWhereItDoesNotUnderstand) {
  for (const char* text : {"{{ x.strip() }}", "{{ x | upper }}", "{{ x[1:] }}", "{{ 'a' + missing }}", "{{ missing.a.b }}",
                           "{% include 'x' %}", "{% if x is odd %}a{% endif %}", "{% if x %}", "{% endif %}",
                           "{% for a, b in x %}{% endfor %}", "{{ x y }}", "{{ (x }}", "{{ 'open }}", "{{ x",
                           "{% for i in 'text' %}{% endfor %}", "{% set x %}a{% endset %}", "{{ x }}", "{% else %}"}) {
    EXPECT_EQ(written(text, {{"x", {1, 2}}}), "none") << text;
  }
  EXPECT_EQ(written("{% if missing %}{{ x.strip() }}{% include 'y' %}{% for a, b in c %}{% endfor %}{% endif %}ok"), "ok");
}

TEST(Jinja, EndsOnWhatGrows) {
  std::string loops, deep = "{{ " + std::string(5000, '(') + "1" + std::string(5000, ')') + " }}",
                     doubled = "{% set x = 'ab' %}";
  for (int i = 0; i < 50; ++i) {
    loops = "{% for i in x %}" + loops + "{% endfor %}";
    doubled += "{% set x = x + x %}";
  }
  EXPECT_EQ(written(loops, {{"x", {1, 2, 3}}}), "none");
  EXPECT_EQ(written(deep), "none");
  EXPECT_EQ(written("{{ " + std::string(5000, '-') + "1 }}"), "none");
  EXPECT_EQ(written(doubled + "{{ x }}"), "none");
}

TEST(Prompt, EqualsTheTemplatesText) {
  const auto tokenizer = open_tokenizer(test::source_file("data/toy/tokenizer"));
  const ChatTemplate* chat = find_row(chat_templates(), "onevision");
  ASSERT_NE(chat, nullptr);
  const PromptIds ids = encode_prompt(*tokenizer, *chat, "Which object appears first?");
  const std::string expected =
      read_json(test::source_file("tests/golden/tokenizer.json"), "test")["prompt"].get<std::string>();
  EXPECT_EQ(tokenizer->decode(ids.before, false) + "<video>" + tokenizer->decode(ids.after, false), expected);
  std::vector<int64_t> joined = ids.before;
  joined.push_back(tokenizer->id_of("<video>"));
  joined.insert(joined.end(), ids.after.begin(), ids.after.end());
  EXPECT_EQ(joined, encode_ids(*tokenizer, expected));
}

TEST(TimeSentence, IsTheAuthors) {
  const Json golden = read_json(test::source_file("tests/golden/llava_qwen/golden.json"), "test");
  EXPECT_EQ(time_sentence(2.5, {0, 0.75, 1.5, 2.375}), golden.at("time").at("sentence").get<std::string>());
}

TEST(Prompt, QuestionMeetsTheNewline) {  // the text after the video is one: its newlines and the question's join
  const auto tokenizer = open_tokenizer(test::source_file("data/toy/tokenizer"));
  for (const ChatTemplate& chat : chat_templates()) {
    const PromptIds ids = encode_prompt(*tokenizer, chat, "\n What?");
    const std::string behind = chat.run_end + chat.clip_end + chat.after_video;
    EXPECT_EQ(ids.after, encode_ids(*tokenizer, behind + "\n What?" + chat.answer_start));
  }
}

TEST(Prompt, WordsBetweenRunsStandOnLinesOfTheirOwn) {
  const ChatTemplate bare{.name = "bare", .help = "", .before_video = "U\n", .after_video = "\n", .answer_start = "A"},
      framed{.name = "framed",
             .help = "",
             .before_video = "U",
             .run_start = "F{n}: <",
             .run_end = ">\n",
             .clip_end = "",
             .after_video = "",
             .answer_start = "A"};
  const PromptClip clip{{0, 1}, false, {"a", "", "b\nc"}}, middle{{0, 1}, false, {"", "x", ""}};
  EXPECT_EQ(prompt_text(bare, clip, "V", "Q?"), "U\na\nVV\nb\nc\nQ?A");
  EXPECT_EQ(prompt_text(bare, middle, "V", "Q?"), "U\nV\nx\nV\nQ?A");
  EXPECT_EQ(prompt_text(framed, clip, "V", "Q?"), "U\na\nF1: <V>\nF2: <V>\nb\nc\nQ?A");
  EXPECT_EQ(prompt_text(framed, middle, "V", "Q?"), "UF1: <V>\nx\nF2: <V>\nQ?A");
  EXPECT_EQ(prompt_text(bare, {{0}, true, {"a", "b"}}, "V", "Q?"), "U\na\nV\nb\nQ?A");
  EXPECT_EQ(prompt_text(bare, {{0, 1}, false, {"", "", ""}}, "V", "Q?"), prompt_text(bare, {{0, 1}, false, {}}, "V", "Q?"));

  const auto tokenizer = open_tokenizer(test::source_file("data/toy/tokenizer"));
  const auto leads = encode_leads(*tokenizer, bare, clip);
  EXPECT_EQ(leads, (std::vector{encode_ids(*tokenizer, "U\na\n"), encode_ids(*tokenizer, "")}));
  EXPECT_EQ(encode_question(*tokenizer, bare, "Q?", "", clip), encode_ids(*tokenizer, "\nb\nc\nQ?A"));
}

TEST(MissingMarker, NamesTheFirstThatIsNoToken) {
  const auto tokenizer = open_tokenizer(test::source_file("data/toy/tokenizer"));
  const auto missing = [&tokenizer](const char* form) {
    return missing_marker(*tokenizer, *find_row(chat_templates(), form));
  };
  for (const char* form : {"onevision", "onevision_2024", "authors"}) EXPECT_EQ(missing(form), "") << form;
  EXPECT_EQ(missing("internvl"), "<img>");
  const auto other = open_tokenizer(test::source_file("tests/golden/sentencepiece"));
  EXPECT_EQ(missing_marker(*other, chat_templates()[0]), "<|im_start|>");
  EXPECT_EQ(
      missing_marker(
          *other, {.name = "plain", .help = "", .before_video = "[INST]", .answer_start = "[/INST]", .end_of_turn = "</s>"}),
      "");
  EXPECT_EQ(missing_marker(*other, {.name = "plain", .help = "", .before_video = "", .end_of_turn = "END"}), "END");
}

}  // namespace
}  // namespace rrpo::text
