// One HTTP request: JSON there, bytes back, with a deadline and a limit on both. Knows nothing of what they mean.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace rrpo::io {

struct HttpLimits {
  double timeout_s = 60;  ///< for the whole request, connecting included
  int64_t max_bytes = 0;  ///< of the body of the reply
};

/// What came back: a status with its body, or the fault for which there is none.
struct HttpReply {
  int64_t status = 0;        ///< 0 when there is a fault
  std::string body;          ///< as it was sent; never decompressed
  double retry_after_s = 0;  ///< what the server asks for (seconds or a date), 0 when it does not
  std::string fault;         ///< one of a few fixed texts: no address, nothing that the server said
  bool hopeless = false;     ///< of a fault: another try ends in the same way (the certificate is not trusted)
  bool stopped = false;      ///< of a fault: `stopped` of the client said so
};

/// Why `url` cannot be the base of requests, empty when it can: http or https, no user name or password, no query and no
/// fragment. The answer does not repeat the URL, which may hold a secret.
std::string url_objection(const std::string& url);

/// True where nobody on the way can read a request to `url`: https, or http to this machine itself (`localhost`,
/// 127.0.0.0/8,
/// ::1, as libcurl reads them).
bool is_private(const std::string& url);

/// Connections to servers, kept open between requests. For one thread at a time.
class HttpClient {
 public:
  /// `stopped` is asked about once a second while a request waits; true ends it.
  HttpClient(HttpLimits limits, std::function<bool()> stopped);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();

  /// POSTs JSON. `headers` (`Name: value`) come beside the content type. Redirects are not followed, so that no header
  /// travels to another host; proxies of the environment (http_proxy, no_proxy) are used, but never for this machine.
  HttpReply post(const std::string& url, const std::vector<std::string>& headers, std::string_view body);

 private:
  struct Connection;
  HttpLimits limits_;
  std::function<bool()> stopped_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace rrpo::io
