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
  return "{% for message in messages %}{{'<|im_start|>' + message['role'] + '" + gap +
         "'}}{# pictures first #}"
         "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>' }}{% endfor %}"
         "{% for content in message['content'] | selectattr('type', 'equalto', 'video') %}" +
         video +
         "{% endfor %}"
         "{% if message['role'] != 'assistant' %}{% for content in message['content'] %}" +
         text +
         "{% endfor %}"
         "{% else %}{% generation %}" +
         text + "{% endgeneration %}{% endif %}" + end +
         "{% endfor %}"
         "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
}

std::string name_of(const std::string& jinja) {
  const ChatTemplate* found = recognise_template(jinja);
  return found == nullptr ? "none" : found->name;
}

TEST(Recognise, TheTwoFormsInCirculation) {
  EXPECT_EQ(name_of(jinja("\\n", true, "{{'<|im_end|>' + '\\n'}}")), "onevision");
  EXPECT_EQ(name_of(jinja(" ", false, "{{'<|im_end|>'}}")), "onevision_2024");
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

TEST(Jinja, TrimsAsItIsSetUp) {
  const auto written = [](std::string_view text) {
    std::string out;
    for (const Output& output : template_outputs(text)) out += output.literal ? output.text : "{" + output.text + "}";
    return out;
  };
  EXPECT_EQ(written("a\n  {% if x %}\nb {%- endif -%}  \n c"), "a\nbc");
  EXPECT_EQ(written("{{ 'it''s' }}"), "its");
  EXPECT_EQ(written("{{ \"a\\\"b\" + x['k'] + 'c' }} d"), "a\"b{x[k]}c d");
  EXPECT_EQ(written("a {# note #} b\n"), "a  b");
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
    EXPECT_EQ(ids.after, encode_ids(*tokenizer, chat.after_video + "\n What?" + chat.answer_start));
  }
}

TEST(MissingMarker, NamesTheFirstThatIsNoToken) {
  const auto tokenizer = open_tokenizer(test::source_file("data/toy/tokenizer"));
  for (const ChatTemplate& chat : chat_templates()) EXPECT_EQ(missing_marker(*tokenizer, chat), "") << chat.name;
  const auto other = open_tokenizer(test::source_file("tests/golden/sentencepiece"));
  EXPECT_EQ(missing_marker(*other, chat_templates()[0]), "<|im_start|>");
  EXPECT_EQ(missing_marker(*other, {"plain", "", "[INST]", "", "[/INST]", "</s>"}), "");
  EXPECT_EQ(missing_marker(*other, {"plain", "", "", "", "", "END"}), "END");
}

}  // namespace
}  // namespace rrpo::text
