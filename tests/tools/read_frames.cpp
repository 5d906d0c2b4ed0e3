// Reads frames of a video, for scripts that time it: read_frames FILE FRAMES < lines `whole` or `groups`.
// One line of JSON a reading: the number of frames, a hash of their bytes, CPU seconds.
#include <ctime>
#include <iostream>

#include "rrpo/util/json_file.h"
#include "rrpo/util/random.h"
#include "rrpo/video/reader.h"

int main(int argc, char** argv) try {
  using rrpo::video::Choice;
  if (argc != 3) throw rrpo::Error(rrpo::Fault::usage, "read_frames", "not two arguments", "read_frames FILE FRAMES");
  for (std::string way; std::getline(std::cin, way);) {
    const Choice choice{.fields = {.frames = std::stoll(argv[2])}, .verify = way == "whole"};
    const std::clock_t begin = std::clock();
    const rrpo::video::Frames frames = rrpo::video::read_video(argv[1], choice);
    const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    std::cout << rrpo::Json{{"frames", frames.count},
                            {"hash", rrpo::hash64({reinterpret_cast<const char*>(frames.rgb.data()), frames.rgb.size()})},
                            {"seconds", seconds}}
                     .dump()
              << std::endl;
  }
  return 0;
} catch (const rrpo::Error& error) {
  std::cerr << "error: " << error.what() << "\n";
  return error.exit_code();
}
