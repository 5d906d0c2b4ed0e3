#include "rrpo/text/span.h"

#include <gtest/gtest.h>

#include "rrpo/util/error.h"
#include "rrpo/util/random.h"
#include "support/temp_dir.h"

namespace rrpo::text {
namespace {

const Tokenizer& toy() {
  static const std::unique_ptr<Tokenizer> tokenizer = open_tokenizer(test::source_file("data/toy/tokenizer"));
  return *tokenizer;
}

std::string fault(const MarkedText& marked) {
  try {
    check_spans(marked, "f.jsonl:7");
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::input);
    EXPECT_NE(std::string(error.what()).find("f.jsonl:7"), std::string::npos);
    return error.what();
  }
  return "";
}

TEST(CheckSpans, AcceptsBordersAndTouchingSpans) {
  EXPECT_EQ(fault({"caf\u00e9", {{0, 5}}}), "");
  EXPECT_EQ(fault({"caf\u00e9", {{0, 3}, {3, 5}}}), "");
  EXPECT_EQ(fault({"", {}}), "");
}

TEST(CheckSpans, NamesEachFault) {
  EXPECT_NE(fault({"caf\u00e9", {{0, 6}}}).find("leaves the text"), std::string::npos);
  EXPECT_NE(fault({"abc", {{-1, 2}}}).find("leaves the text"), std::string::npos);
  EXPECT_NE(fault({"abc", {{1, 1}}}).find("empty"), std::string::npos);
  EXPECT_NE(fault({"abc", {{2, 1}}}).find("empty"), std::string::npos);
  EXPECT_NE(fault({"abc", {{0, 2}, {1, 3}}}).find("overlaps"), std::string::npos);
  EXPECT_NE(fault({"abc", {{2, 3}, {0, 1}}}).find("precedes"), std::string::npos);
  EXPECT_NE(fault({"caf\u00e9", {{0, 4}}}).find("cuts a character"), std::string::npos);
  EXPECT_NE(fault({"caf\u00e9!", {{4, 6}}}).find("cuts a character"), std::string::npos);
}

using Phrases = std::vector<std::string>;

/// The marked phrases of a tagged text, or the reason of its refusal.
Phrases phrases(const std::string& tagged, const std::string& plain) {
  try {
    const MarkedText marked = parse_mask_tags(tagged, plain, "f.json:1");
    check_spans(marked, "f.json:1");
    EXPECT_EQ(marked.text, plain);
    Phrases out;
    for (const ByteRange& span : marked.spans) {
      out.push_back(plain.substr(static_cast<size_t>(span.begin), static_cast<size_t>(span.end - span.begin)));
    }
    return out;
  } catch (const Error& error) {
    return {error.what()};
  }
}

TEST(MaskTags, EachGoesWithOneSpace) {
  EXPECT_EQ(phrases("The man <MASK> closes </MASK> the <MASK> door </MASK>.", "The man closes the door."),
            (Phrases{"closes", "door"}));
  EXPECT_EQ(phrases("<MASK> Yes </MASK>", "Yes"), Phrases{"Yes"});
  EXPECT_EQ(phrases("(<MASK> A </MASK>) left", "(A) left"), Phrases{"A"});
  EXPECT_EQ(phrases("<MASK> two words </MASK>, then", "two words, then"), Phrases{"two words"});
  EXPECT_EQ(phrases("<MASK> a </MASK> <MASK> b </MASK>", "a b"), (Phrases{"a", "b"}));
  EXPECT_EQ(phrases("他<MASK> 关 </MASK>门", "他关门"), Phrases{"关"});
  EXPECT_EQ(phrases("no tags", "no tags"), Phrases{});
}

TEST(MaskTags, SpacesOfTheTextStay) {
  EXPECT_EQ(phrases("a<MASK> x </MASK>b", "a x b"), Phrases{"x"});  // the spaces belong to the text
  EXPECT_EQ(phrases("a <MASK>x</MASK> b", "a x b"), Phrases{"x"});
  EXPECT_EQ(phrases("a  <MASK> x </MASK>  b", "a  x  b"), Phrases{"x"});
}

TEST(MaskTags, AnEmptyPhraseMarksNothing) {
  EXPECT_EQ(phrases("a <MASK> </MASK> b", "a b"), Phrases{});
  EXPECT_EQ(phrases("a <MASK> </MASK> <MASK> b </MASK>", "a b"), Phrases{"b"});
  EXPECT_EQ(phrases("a <MASK></MASK>", "a"), Phrases{});
}

/// What is read where no plain text is given: `plain|phrase|phrase`.
std::string stripped(const std::string& tagged) {
  const MarkedText marked = parse_mask_tags(tagged, "f.json:1");
  check_spans(marked, "f.json:1");
  EXPECT_EQ(marked.tagged.empty(), tagged == with_mask_tags(marked));
  std::string out = marked.text;
  for (const ByteRange& span : marked.spans)
    out += "|" + marked.text.substr(static_cast<size_t>(span.begin), static_cast<size_t>(span.end - span.begin));
  return out;
}

TEST(MaskTags, AreStrippedWithoutAPlainText) {
  EXPECT_EQ(stripped("The man <MASK> closes </MASK> the <MASK> door </MASK>."), "The man closes the door.|closes|door");
  EXPECT_EQ(stripped("<MASK> Yes </MASK>, it is."), "Yes, it is.|Yes");
  EXPECT_EQ(stripped("(<MASK> D </MASK>) left"), "(D) left|D");
  EXPECT_EQ(stripped("he <MASK>closes</MASK> it"), "he closes it|closes");
  EXPECT_EQ(stripped("他<MASK> 关 </MASK>门。"), "他关门。|关");
  EXPECT_EQ(stripped("a <MASK> big </MASK> <MASK> dog </MASK>"), "a big dog|big|dog");
  EXPECT_EQ(stripped("a <MASK> </MASK> dog"), "a dog");
  EXPECT_EQ(stripped("<MASK> </MASK> a dog"), "a dog");
  EXPECT_EQ(stripped("a dog <MASK> </MASK>."), "a dog.");
  EXPECT_EQ(stripped("a <MASK> </MASK>dog <MASK> </MASK>"), "a dog");
  EXPECT_EQ(stripped("no tags"), "no tags");
  EXPECT_THROW(stripped("a <MASK> b"), Error);
  EXPECT_THROW(stripped("a </MASK> b"), Error);
}

TEST(MaskTags, AnySequenceIsReadOrRefused) {
  const std::vector<std::string> pieces = {"<MASK>", "</MASK>",          " ",     "  ", "a", "b c", ".",
                                           "门",     "<MASK> x </MASK>", "<MASK", "\n"};
  Random random(3, "tags");
  int64_t read = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string tagged;
    for (int64_t n = random.below(8); n >= 0; --n)
      tagged += pieces[static_cast<size_t>(random.below(static_cast<int64_t>(pieces.size())))];
    try {
      const MarkedText marked = parse_mask_tags(tagged, "x");
      check_spans(marked, "x");
      EXPECT_FALSE(has_mask_tags(marked.text)) << tagged;
      const MarkedText again = parse_mask_tags(with_mask_tags(marked), marked.text, "x");
      EXPECT_EQ(again.spans, marked.spans) << tagged;
      EXPECT_EQ(again.tagged, "") << tagged;
      ++read;
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::input) << tagged;
    }
  }
  EXPECT_GT(read, 500);
}

TEST(MaskTags, AreWrittenAsTheyAreDocumented) {
  EXPECT_EQ(with_mask_tags({"(D) left", {{1, 2}, {4, 8}}}), "(<MASK> D </MASK>) <MASK> left </MASK>");
  EXPECT_EQ(with_mask_tags({"as it is", {}}), "as it is");
}

TEST(MaskTags, FaultsAreNamed) {
  const auto said = [](const std::string& tagged, const std::string& plain) { return phrases(tagged, plain).front(); };
  EXPECT_NE(said("a <MASK> b", "a b").find("not closed"), std::string::npos);
  EXPECT_NE(said("a b </MASK>", "a b").find("no <MASK> before"), std::string::npos);
  EXPECT_NE(said("<MASK> a <MASK> b </MASK> </MASK>", "a b").find("inside another"), std::string::npos);
  EXPECT_NE(said("<MASK> a </MASK> c", "a b").find("at byte 2"), std::string::npos);
  EXPECT_NE(said("<MASK> a </MASK>", "a b").find("differs"), std::string::npos);
  EXPECT_NE(said("<MASK> a </MASK> b c", "a b").find("differs"), std::string::npos);
  EXPECT_NE(said("<MASK>   a </MASK>", "a").find("differs"), std::string::npos);  // three spaces, one tag
}

/// Tokens of the text that carry a mark, by their bytes and phrase number.
std::string marks(const std::string& text, const std::vector<ByteRange>& spans) {
  const AnswerIds answer = encode_answer(toy(), {text, spans}, 442);
  EXPECT_EQ(answer.ids.back(), 442);
  EXPECT_EQ(answer.phrase.back(), 0);
  const std::vector<Token> tokens = toy().encode(text);
  EXPECT_EQ(answer.ids.size(), tokens.size() + 1);
  std::string out;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (answer.phrase[i] == 0) continue;
    const ByteRange range = tokens[i].bytes;
    out += "{" + text.substr(static_cast<size_t>(range.begin), static_cast<size_t>(range.end - range.begin)) + "}" +
           std::to_string(answer.phrase[i]);
  }
  return out;
}

TEST(Marks, OneVisibleByteInsideIsEnough) {
  const std::string text = "The red square moves left.";  // " red" 3-7, " square" 7-14, " moves" 14-20, " left" 20-25
  EXPECT_EQ(marks(text, {}), "");
  EXPECT_EQ(marks(text, {{4, 14}}), "{ red}1{ square}1");
  EXPECT_EQ(marks(text, {{4, 7}, {21, 25}}), "{ red}1{ left}2");
  EXPECT_EQ(marks(text, {{3, 4}}), "");  // only the space of a token
  EXPECT_EQ(marks(text, {{3, 5}}), "{ red}1");
  EXPECT_EQ(marks(text, {{6, 8}}), "{ red}1");  // last byte of one, only the space of the next
  EXPECT_EQ(marks(text, {{7, 9}}), "{ square}1");
  EXPECT_EQ(marks(text, {{25, 26}}), "{.}1");
  EXPECT_EQ(marks(text, {{0, 26}}), "{The}1{ red}1{ square}1{ moves}1{ left}1{.}1");
  EXPECT_EQ(marks(text, {{4, 5}, {5, 7}}), "{ red}1");  // the first of two spans in one token
}

TEST(Marks, FollowTheTextBeforeNormalisation) {
  const std::string text = "a e\u0301 red";  // composed when tokenised: the bytes of the text as given count
  EXPECT_EQ(marks(text, {{6, 9}}), "{ red}1");
  EXPECT_EQ(marks(text, {{0, 1}}), "{a}1");
  EXPECT_EQ(marks(text, {{2, 3}}), "{e\u0301}1{e\u0301}1");  // both bytes of the composed letter
}

}  // namespace
}  // namespace rrpo::text
