// Rows with a second clip over the pictures of a tiny world.
#pragma once

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "data/tiny_world.h"

namespace rrpo::test {

/// A clip of listed pictures of a TinyWorld: `{"frames": ["0-0.png", …]}`.
inline Json pictures(const std::vector<std::string>& names) {
  Json frames = Json::array();
  for (const std::string& name : names) frames.push_back(name + ".png");
  return {{"frames", frames}};
}

inline Json answer(const std::string& before, const std::string& word, const std::string& end) {
  return {{"text", before + word + end},
          {"spans", Json::array({Json::array({before.size(), before.size() + word.size()})})}};
}

/// Row i of TinyWorld about video v, with a second clip and the right answer there.
inline Json pair_with(int64_t i, int64_t v, const Json& other) {
  Json row = TinyWorld::pair(i, v);
  row["other"] = other;
  row["other_chosen"] = answer("Now it is ", i % 2 == 0 ? "yellow" : "as white as snow", " there.");
  return row;
}

inline std::filesystem::path write_pairs(const TinyWorld& world, const std::vector<Json>& rows) {
  std::string text;
  for (const Json& row : rows) text += row.dump() + "\n";
  return world.dir().write("others.jsonl", text);
}

/// Counts how often files of a folder are opened: what is decoded once is opened once.
class Opened {
 public:
  explicit Opened(const std::filesystem::path& folder) : watch_(inotify_init1(IN_NONBLOCK)) {
    inotify_add_watch(watch_, folder.c_str(), IN_OPEN);
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  ~Opened() { close(watch_); }

  /// Of `name` since the last call.
  int64_t times(const std::string& name) {
    int64_t count = 0;
    alignas(inotify_event) std::array<char, 16384> bytes{};
    for (ssize_t size = 0; (size = read(watch_, bytes.data(), bytes.size())) > 0;) {
      for (const char* at = bytes.data(); at < bytes.data() + size;) {
        const auto* event = reinterpret_cast<const inotify_event*>(at);
        if (event->len > 0 && name == event->name) ++count;
        at += sizeof(inotify_event) + event->len;
      }
    }
    return count;
  }

 private:
  int watch_;
};

}  // namespace rrpo::test
