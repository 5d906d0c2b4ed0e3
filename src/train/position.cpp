#include "position.h"

#include "rrpo/util/error.h"

namespace rrpo::train {

namespace {

data::Seen read_seen(const Json& one) {
  data::Seen seen;
  if (!one.at("frames").is_null()) seen.frames = one.at("frames").get<uint64_t>();
  const auto files = one.find("files");  // absent in checkpoints of earlier versions
  if (files != one.end() && !files->is_null()) seen.files = files->get<std::string>();
  const auto tokens = one.find("tokens");  // absent where media are not compared by them
  if (tokens != one.end()) seen.tokens = tokens->get<uint64_t>();
  return seen;
}

Json seen_one(const data::Seen& seen) {
  Json json = {{"frames", seen.frames ? Json(*seen.frames) : Json()},
               {"files", seen.files.empty() ? Json() : Json(seen.files)}};
  if (seen.tokens) json["tokens"] = *seen.tokens;
  return json;
}

Json media_json(const Position& position) {
  Json media = Json::object();
  for (const auto& [key, bytes] : position.media_bytes) {
    const auto found = position.seen.find(key);
    media[key] = {{"bytes", bytes}};
    media[key].update(seen_one(found == position.seen.end() ? data::Seen() : found->second));
  }
  return media;
}

/// [[rewards, answers]] by term.
Json past_json(const std::vector<loss::Past>& past) {
  Json terms = Json::array();
  for (const loss::Past& term : past) terms.push_back({term.rewards, term.answers});
  return terms;
}

std::vector<loss::Past> read_past(const Json& terms) {
  std::vector<loss::Past> past;
  for (const Json& term : terms) past.push_back({term.at(0).get<double>(), term.at(1).get<double>()});
  return past;
}

}  // namespace

Json skipped_json(const std::vector<data::SkippedRow>& rows) {
  Json skipped = Json::array();
  for (const data::SkippedRow& row : rows) skipped.push_back({{"id", row.id}, {"reason", row.reason}});
  return skipped;
}

std::vector<data::SkippedRow> read_skipped(const Json& rows) {
  std::vector<data::SkippedRow> skipped;
  for (const Json& row : rows) skipped.push_back({row.at("id").get<std::string>(), row.at("reason").get<std::string>()});
  return skipped;
}

Json position_json(const Position& position) {
  return {{"step", position.step},           {"steps", position.steps},          {"skipped", skipped_json(position.skipped)},
          {"unwritten", position.unwritten}, {"past", past_json(position.past)}, {"media", media_json(position)}};
}

Position read_position(const Json& json) {
  Position position;
  position.step = json.at("step").get<int64_t>();
  position.steps = json.at("steps").get<int64_t>();
  position.skipped = read_skipped(json.at("skipped"));
  position.unwritten = json.at("unwritten");
  position.past = read_past(json.value("past", Json::array()));  // checkpoints of earlier versions had none
  for (const auto& [key, one] : json.at("media").items()) {
    position.media_bytes[key] = one.at("bytes").get<int64_t>();
    position.seen[key] = read_seen(one);
  }
  return position;
}

Json seen_json(const data::SeenMedia& seen) {
  Json json = Json::object();
  for (const auto& [key, one] : seen) json[key] = seen_one(one);
  return json;
}

void join_seen(data::SeenMedia& seen, const Json& other) {
  for (const auto& [key, told] : other.items()) {
    data::Seen& own = seen[key];
    const data::Seen theirs = read_seen(told);
    const bool both_decoded = own.frames && theirs.frames;
    const bool other_files = !own.files.empty() && !theirs.files.empty() && own.files != theirs.files;
    if (both_decoded ? *own.frames != *theirs.frames : other_files) {
      throw Error(Fault::usage, "data", key + ": shows other pictures on one rank than on another",
                  "give all ranks the same files");
    }
    if (theirs.frames) own.frames = theirs.frames;
    if (!theirs.files.empty()) own.files = theirs.files;
    if (theirs.tokens) own.tokens = theirs.tokens;
  }
}

}  // namespace rrpo::train
