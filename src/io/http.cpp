#include "rrpo/io/http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <signal.h>

#include <algorithm>
#include <ctime>
#include <mutex>
#include <utility>

#include "rrpo/util/error.h"

namespace rrpo::io {

namespace {

void open_curl() {
  static std::once_flag once;
  std::call_once(once, [] { expect(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK, "libcurl does not start"); });
}

/// No SIGPIPE reaches this thread while the value lives: TLS writes to a closed connection raise one.
class NoPipeSignal {
 public:
  NoPipeSignal() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  NoPipeSignal(const NoPipeSignal&) = delete;
  NoPipeSignal& operator=(const NoPipeSignal&) = delete;
  ~NoPipeSignal() {
    const timespec now{0, 0};
    if (sigismember(&before_, SIGPIPE) == 0) sigtimedwait(&pipe_, nullptr, &now);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_{}, before_{};
};

/// The body of a reply while it comes in.
struct Intake {
  std::string body;
  int64_t room = 0;
  bool overflow = false;
};

size_t take(const char* bytes, size_t size, size_t count, void* target) {
  auto& intake = *static_cast<Intake*>(target);
  const size_t got = size * count;
  intake.overflow = static_cast<int64_t>(intake.body.size() + got) > intake.room;
  if (intake.overflow) return 0;
  intake.body.append(bytes, got);
  return got;
}

int ask_stopped(void* stopped, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return (*static_cast<const std::function<bool()>*>(stopped))() ? 1 : 0;
}

std::string seconds_text(double seconds) {
  std::string text = std::to_string(seconds);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

HttpReply failed(CURLcode code, const Intake& intake, const HttpLimits& limits) {
  HttpReply out;
  switch (code) {
    case CURLE_ABORTED_BY_CALLBACK:
      out.fault = "stopped";
      out.stopped = true;
      return out;
    case CURLE_OPERATION_TIMEDOUT:
      out.fault = "no reply within " + seconds_text(limits.timeout_s) + " s";
      return out;
    case CURLE_WRITE_ERROR:
      out.fault = intake.overflow ? "a reply of more than " + std::to_string(limits.max_bytes) + " bytes" : "no memory";
      return out;
    case CURLE_COULDNT_CONNECT:
      out.fault = "no connection";
      return out;
    case CURLE_COULDNT_RESOLVE_HOST:
      out.fault = "the host is not known";
      return out;
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
      out.fault = "the connection was cut";
      return out;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_SSL_CACERT_BADFILE:
      out.hopeless = true;
      break;
    default:
      break;
  }
  out.fault = curl_easy_strerror(code);
  return out;
}

/// A part of a URL, empty when it has none.
std::string part_of(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return "";
  std::string out = text;
  curl_free(text);
  return out;
}

using Url = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

/// `text` taken apart as a request will be; null when it is none.
Url parsed(const std::string& text) {
  open_curl();
  Url url(curl_url(), curl_url_cleanup);
  expect(url != nullptr, "no memory for a URL");
  if (text.find('\0') != std::string::npos || curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK)
    url.reset();
  return url;
}

/// The host as libcurl has normalised it: `127.1` and `0x7f000001` are `127.0.0.1` there.
bool is_this_machine(std::string host) {
  std::transform(host.begin(), host.end(), host.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  if (host == "localhost") return true;  // libcurl asks no name server for it
  in_addr four{};
  if (inet_pton(AF_INET, host.c_str(), &four) == 1) return (ntohl(four.s_addr) >> 24) == 127;
  if (host.size() < 2 || host.front() != '[' || host.back() != ']') return false;
  in6_addr six{};
  if (inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &six) != 1) return false;
  return IN6_IS_ADDR_LOOPBACK(&six) || (IN6_IS_ADDR_V4MAPPED(&six) && six.s6_addr[12] == 127);
}

bool is_this_machine(const Url& url) { return url != nullptr && is_this_machine(part_of(url.get(), CURLUPART_HOST)); }

}  // namespace

bool is_private(const std::string& text) {
  const Url url = parsed(text);
  if (url == nullptr) return false;
  return part_of(url.get(), CURLUPART_SCHEME) == "https" || is_this_machine(url);
}

std::string url_objection(const std::string& text) {
  const Url url = parsed(text);
  if (url == nullptr) return "is no URL";
  const std::string scheme = part_of(url.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") return "is neither http nor https";
  if (text.find('@') != std::string::npos) return "holds a user name or password";
  if (text.find_first_of("?#") != std::string::npos) return "has a query or a fragment";
  return "";
}

struct HttpClient::Connection {
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> handle{curl_easy_init(), curl_easy_cleanup};
};

HttpClient::HttpClient(HttpLimits limits, std::function<bool()> stopped) : limits_(limits), stopped_(std::move(stopped)) {
  open_curl();
  connection_ = std::make_unique<Connection>();
  CURL* curl = connection_->handle.get();
  expect(curl != nullptr, "libcurl gives no handle");
  const auto timeout_ms = std::max<long>(1, static_cast<long>(limits_.timeout_s * 1000));
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, ask_stopped);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &stopped_);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
}

HttpClient::~HttpClient() = default;

HttpReply HttpClient::post(const std::string& url, const std::vector<std::string>& headers, std::string_view body) {
  const NoPipeSignal quiet;
  CURL* curl = connection_->handle.get();
  Intake intake;
  intake.room = limits_.max_bytes;
  curl_slist* list = nullptr;
  for (const std::string& header : headers) list = curl_slist_append(list, header.c_str());
  list = curl_slist_append(list, "Content-Type: application/json");
  list = curl_slist_append(list, "Expect:");  // else a large request waits a second for a permission
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> owner(list, curl_slist_free_all);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  // An empty name is "no proxy, whatever the environment says".
  curl_easy_setopt(curl, CURLOPT_PROXY, is_this_machine(parsed(url)) ? "" : nullptr);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &intake);
  const CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK) return failed(code, intake, limits_);
  HttpReply out;
  long status = 0;
  curl_off_t wait = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &wait);
  out.status = status;
  out.retry_after_s = static_cast<double>(std::max<curl_off_t>(0, wait));
  out.body = std::move(intake.body);
  return out;
}

}  // namespace rrpo::io
