#include "rrpo/data/equal_media.h"

#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rrpo/util/error.h"

namespace rrpo::data {
namespace {

using testing::AllOf;
using testing::HasSubstr;

rows::View view_of(const std::string& video) {
  rows::View view;
  view.media.video = video;
  return view;
}

model::VisualTokens tokens_of(const at::Tensor& tokens) { return {tokens, {}, {model::plain_run(tokens.size(0))}}; }

std::string fault_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::input) << error.what();
    return error.what();
  }
  return "";
}

/// One run with its tokens so far.
struct Told {
  SeenMedia seen;
  EqualMedia media{seen};
  const model::VisualTokens some = tokens_of(at::randn({3, 4})), others = tokens_of(at::randn({3, 4}));

  std::string tell(const rows::View& view, const model::VisualTokens& tokens) {
    return fault_of([&] { media.tell(view, tokens); });
  }
};

TEST(EqualMedia, TwoFilesWithTheSameTokensAreNamed) {
  Told told;
  EXPECT_EQ(told.tell(view_of("a.mp4"), told.some), "");
  EXPECT_EQ(told.tell(view_of("b.mp4"), told.others), "");
  EXPECT_EQ(told.tell(view_of("a.mp4"), told.some), "");
  const std::string line = told.tell(view_of("c.mp4"), tokens_of(told.some.tokens.clone()));
  EXPECT_THAT(line,
              AllOf(HasSubstr("a.mp4"), HasSubstr("c.mp4"), HasSubstr("; fix: "), HasSubstr("data.equal_media=allow")));
  rows::View pictures, folder;
  pictures.media.frames = {"1.png", "2.png"};
  EXPECT_THAT(told.tell(pictures, told.others), AllOf(HasSubstr("b.mp4"), HasSubstr("1.png")));
  folder.media.folder = rows::PictureFolder{.path = "folder"};
  EXPECT_THAT(told.tell(folder, told.others), AllOf(HasSubstr("b.mp4"), HasSubstr("folder")));
}

/// A scene may stand still, and a part may be the whole.
TEST(EqualMedia, PartsOfOneFileMayBeEqual) {
  Told told;
  rows::View whole = view_of("a.mp4"), part = whole, frames = whole;
  part.media.start_s = 0;
  frames.media.frame_indices = {3, 4};
  for (const rows::View& view : {whole, part, frames}) EXPECT_EQ(told.tell(view, told.some), "");
}

TEST(EqualMedia, PerturbedViewsAreNotCompared) {
  Told told;
  for (const char* name : {"a.mp4", "b.mp4"}) {
    rows::View blank = view_of(name);
    blank.perturb = Json::array({"blank"});
    EXPECT_EQ(told.tell(blank, told.some), "");
  }
  EXPECT_EQ(told.tell(view_of("a.mp4"), told.some), "");
}

TEST(EqualMedia, NoTokenAtAllIsAFault) {
  Told told;
  EXPECT_THAT(told.tell(view_of("a.mp4"), tokens_of(at::zeros({0, 4}))), HasSubstr("a.mp4: has no visual token"));
}

/// Of a run that goes on, and of another rank.
TEST(EqualMedia, WhatTheRunHasSeenCounts) {
  Told told;
  told.tell(view_of("a.mp4"), told.some);
  SeenMedia later = told.seen;
  EqualMedia resumed(later);
  EXPECT_THAT(fault_of([&] { resumed.tell(view_of("b.mp4"), told.some); }), AllOf(HasSubstr("a.mp4"), HasSubstr("b.mp4")));
  told.seen["b.mp4"].tokens = told.seen.at("a.mp4").tokens;
  EXPECT_THAT(fault_of([&] { told.media.compare_all(); }), AllOf(HasSubstr("a.mp4"), HasSubstr("b.mp4")));
  EXPECT_NE(fault_of([&] { const EqualMedia next(told.seen); }), "");
}

}  // namespace
}  // namespace rrpo::data
