#include "rrpo/train/doctor.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <sched.h>
#include <torch/headeronly/version.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "rrpo/policy/device.h"
#include "rrpo/report/table.h"
#include "rrpo/util/version.h"
#include "rrpo/video/libraries.h"
#include "rrpo/world/plugin.h"
#include "session.h"

namespace rrpo::train {

namespace fs = std::filesystem;

namespace {

enum class State { fine, notice, missing };

/// One thing looked at. `needed` things that are missing fail the whole examination.
struct Finding {
  std::string what, found, fix;
  State state = State::fine;
};

std::string gigabytes(int64_t bytes) { return report::fixed(static_cast<double>(bytes) / 1e9, 1) + " GB"; }

/// The first line of `file`, or nothing.
std::string first_line(const fs::path& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  return line;
}

/// A whole number at the beginning of a text; -1 where there is none ("max").
int64_t number_of(const std::string& text) {
  const size_t first = std::min(text.find_first_of("0123456789"), text.size());
  int64_t value = -1;
  std::from_chars(text.data() + first, text.data() + text.size(), value);
  return value;
}

/// Bytes behind a name of /proc/meminfo, -1 when it is not there.
int64_t memory_line(const std::string& name) {
  std::ifstream stream("/proc/meminfo");
  for (std::string line; std::getline(stream, line);) {
    if (line.starts_with(name + ":")) return number_of(line.substr(name.size())) * 1024;
  }
  return -1;
}

/// The limit of the control group that this process runs in (containers), -1 without one.
int64_t group_limit() {
  for (const char* file : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    const int64_t bytes = number_of(first_line(file));
    if (bytes > 0 && bytes < int64_t{1} << 50) return bytes;
  }
  return -1;
}

int usable_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

/// The longest existing beginning of a path: where a folder would be made.
fs::path existing_parent(fs::path path) {
  if (path.empty()) path = ".";
  path = fs::absolute(path).lexically_normal();
  std::error_code absent;
  while (!fs::exists(path, absent) && path.has_parent_path() && path != path.parent_path()) path = path.parent_path();
  return path;
}

/// Throws Error(usage) for a text that is no device.
bool usable(const std::string& device) {
  try {
    policy::resolve_device(device);
    return true;
  } catch (const Error& error) {
    if (error.fault() == Fault::usage) throw;
    return false;
  }
}

class Examination {
 public:
  std::vector<Finding> findings;
  Json numbers = Json::object();

  void versions() {
    const std::string torch = std::to_string(TORCH_VERSION_MAJOR) + "." + std::to_string(TORCH_VERSION_MINOR) + "." +
                              std::to_string(TORCH_VERSION_PATCH);
    add("rrpo", kVersion);
    add("LibTorch", torch);
    add("FFmpeg", video::ffmpeg_version());
    add("OpenCV", video::opencv_version());
    numbers["versions"] = {
        {"rrpo", kVersion}, {"torch", torch}, {"ffmpeg", video::ffmpeg_version()}, {"opencv", video::opencv_version()}};
    const std::vector<std::string> missing = video::missing_decoders();
    if (missing.empty()) return add("video codecs", "h264, hevc, vp8, vp9, av1, mpeg4");
    std::string names;
    for (const std::string& name : missing) names += (names.empty() ? "" : ", ") + name;
    numbers["missing_decoders"] = missing;
    lack("video codecs", "no decoder for " + names, "install a full FFmpeg: apt-get install libavcodec-extra");
  }

  void processor(int64_t threads) {
    const int usable = usable_processors(), all = static_cast<int>(std::thread::hardware_concurrency());
    const std::string capability = at::get_cpu_capability();
    add("processor", std::to_string(usable) + " of " + std::to_string(all) + " cores usable, kernels: " + capability);
    numbers["cores"] = usable;
    numbers["cpu_capability"] = capability;
    if (capability == "DEFAULT")
      notice("vector units", "no AVX2: matrix products run many times slower", "use a newer machine");
    if (threads > usable) {
      notice("threads", std::to_string(threads) + " on " + std::to_string(usable) + " cores stall one another",
             "threads=" + std::to_string(usable) + " at most");
    }
    const char* openmp = std::getenv("OMP_NUM_THREADS");
    add("threads",
        std::to_string(threads) + " in an operation; OMP_NUM_THREADS " + (openmp == nullptr ? "not set" : openmp));
    numbers["threads"] = threads;
  }

  void memory() {
    const int64_t total = memory_line("MemTotal"), free = memory_line("MemAvailable"), limit = group_limit();
    numbers["memory_bytes"] = total;
    numbers["memory_available_bytes"] = free;
    std::string text = gigabytes(free) + " of " + gigabytes(total) + " available";
    if (limit > 0 && limit < total) {
      text += ", this container may use " + gigabytes(limit);
      numbers["memory_limit_bytes"] = limit;
    }
    if (free >= 0 && free < int64_t{1} << 30) return notice("memory", text, "end other programs");
    add("memory", text);
  }

  void gpus(const std::string& wanted) {
    const policy::CudaReport cuda = policy::cuda_report();
    numbers["gpus"] = Json::array();
    for (const policy::Gpu& gpu : cuda.gpus) {
      add("GPU", gpu.name + ", " + gigabytes(gpu.bytes));
      numbers["gpus"].push_back({{"name", gpu.name}, {"bytes", gpu.bytes}});
    }
    numbers["cuda"] = cuda.open;
    const bool library = fs::exists(policy::torch_folder() / "libtorch_cuda.so");
    numbers["cuda_library"] = library;
    const std::string installed =
        library ? "the CUDA side of LibTorch is there" : "the CUDA side of LibTorch is not installed";
    const std::string text = installed + "; " + cuda.problem;
    if (!usable(wanted)) {
      if (cuda.open) return lack("GPU", wanted + " is none of these", "count them from 0");
      return lack("CUDA", text, cuda.fix);
    }
    if (cuda.open) return add("CUDA", "usable");
    if (wanted == "auto" && !cuda.gpus.empty()) return lack("CUDA", text, cuda.fix);
    notice("CUDA", text, wanted == "cpu" ? "" : "runs use the CPU; scripts/setup.sh --cuda on a machine with a GPU");
  }

  /// What several ranks would use. Nothing is measured here: that takes ranks.
  void ranks() {
    const bool plugin = !world::nccl_plugin().empty(), gpu = !numbers.at("gpus").empty();
    numbers["ranks"] = {{"gloo", true}, {"nccl_plugin", plugin}};
    add("ranks", "on CPUs: Gloo, in LibTorch");
    if (plugin) return add("NCCL", gpu ? "plugin there; not measured here" : "plugin there; not measured: no GPU here");
    notice("NCCL", "plugin missing: several GPUs cannot share a run",
           gpu ? "scripts/setup.sh --cuda, then build with -DRRPO_NCCL=ON" : "");
  }

  void disk(const fs::path& out) {
    const fs::path place = existing_parent(out);
    std::error_code failed;
    const fs::space_info space = fs::space(place, failed);
    const auto free = failed ? int64_t{0} : static_cast<int64_t>(space.available);
    numbers["disk"] = {{"folder", place.string()}, {"available_bytes", free}};
    const std::string text = place.string() + ": " + gigabytes(free) + " free";
    if (::access(place.c_str(), W_OK) != 0)
      return lack("disk", place.string() + ": cannot be written", "choose another --out");
    if (free < int64_t{1} << 28) return lack("disk", text, "free some space, or choose another --out");
    add("disk", text);
  }

 private:
  void add(const std::string& what, const std::string& found) { findings.push_back({what, found, "", State::fine}); }
  void notice(const std::string& what, const std::string& found, const std::string& fix) {
    findings.push_back({what, found, fix, State::notice});
  }
  void lack(const std::string& what, const std::string& found, const std::string& fix) {
    findings.push_back({what, found, fix, State::missing});
  }
};

std::string table_of(const std::vector<Finding>& findings) {
  report::Table table{{"what", "", "found", "remedy"}, {}};
  for (const Finding& finding : findings) {
    const char* state = finding.state == State::fine ? "ok" : finding.state == State::notice ? "note" : "MISSING";
    table.rows.push_back({finding.what, state, finding.found, finding.fix});
  }
  return report::text_table(table);
}

}  // namespace

void DoctorConfig::check(const std::string&) const { check_threads(threads); }

Result doctor(const DoctorConfig& config, const RunOptions& options) {
  Examination examination;
  examination.versions();
  examination.processor(config.threads);
  examination.memory();
  examination.gpus(config.device);
  examination.ranks();
  examination.disk(options.out);
  Json summary = examination.numbers;
  summary["missing"] = Json::array();
  Result result;
  for (const Finding& finding : examination.findings) {
    if (finding.state != State::missing) continue;
    summary["missing"].push_back(finding.what);
    if (!result.error) result.error.emplace(Fault::environment, "doctor", finding.what + ": " + finding.found, finding.fix);
  }
  if (result.error) result.exit_code = result.error->exit_code();
  result.summary = std::move(summary);
  result.text = table_of(examination.findings);
  return result;
}

}  // namespace rrpo::train
