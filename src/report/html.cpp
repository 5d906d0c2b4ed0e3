#include "rrpo/report/html.h"

#include <algorithm>

namespace rrpo::report {

namespace {

/// Colours follow the reader's setting; charts take `currentColor`, so they follow too.
constexpr const char* kStyle = R"css(
:root { color-scheme: light dark; --ink: #1f2328; --soft: #646c76; --line: #dfe3e8; --paper: #ffffff; --panel: #f6f8fa;
  --chosen: #cdeed6; --rejected: #fbd5d3; --plain: #fdf0c0; }
@media (prefers-color-scheme: dark) { :root { --ink: #dfe4ea; --soft: #98a2ae; --line: #343b44; --paper: #15181c; --panel: #1d2127;
  --chosen: #1f5a36; --rejected: #7a2b2b; --plain: #5c4d12; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 72rem; background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; overflow-wrap: break-word; }
h1 { margin: 0; font-size: 1.6rem; line-height: 1.25; font-weight: 650; }
h1.part { margin-top: 4rem; padding-top: 1.6rem; border-top: 2px solid var(--line); }
h2 { margin: 2.4rem 0 .8rem; padding-bottom: .3rem; font-size: 1.15rem; font-weight: 600; border-bottom: 1px solid var(--line); }
h3 { margin: 1.6rem 0 .5rem; font-size: 1rem; font-weight: 600; }
p { margin: .6rem 0; max-width: 46rem; }
.subtitle, figcaption, footer { color: var(--soft); }
.subtitle { margin: .3rem 0 0; }
.scroll { overflow-x: auto; margin: .8rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .32rem .9rem .32rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
td.r, th.r { text-align: right; padding-left: .6rem; white-space: nowrap; }
td.key { color: var(--soft); white-space: nowrap; font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .87em; }
td.value { overflow-wrap: anywhere; white-space: pre-wrap; font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  font-size: .87em; }
figure { margin: 0; padding: .6rem .7rem; width: fit-content; max-width: 100%; overflow-x: auto; background: var(--panel); border: 1px solid var(--line);
  border-radius: 8px; }
figure + figure { margin-top: .6rem; }
figcaption { margin-top: .3rem; font-size: .87rem; }
svg, img { display: block; max-width: 100%; height: auto; }
figure > svg { min-width: 26rem; } figure > img.wide { min-width: 30rem; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 1rem; margin: .8rem 0; }
.grid > *, .thumbnails > * { margin: 0; width: auto; }
.thumbnails { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: .6rem; margin: .8rem 0; }
.thumbnails figure { padding: .35rem; } .thumbnails img { width: 100%; } .thumbnails figcaption { margin-top: .2rem; font-size: .8rem; }
.facts { display: flex; flex-wrap: wrap; gap: .7rem; margin: 1.4rem 0; }
.fact { padding: 0.55rem .9rem; min-width: 6.6rem; background: var(--panel); border: 1px solid var(--line); border-radius: 8px; }
.fact b { display: block; font-size: 1.3rem; font-weight: 600; line-height: 1.3; font-variant-numeric: tabular-nums; }
.fact span { color: var(--soft); font-size: .84rem; }
.labelled { margin: .6rem 0; } .labelled > span { display: block; color: var(--soft); font-size: .84rem; }
.labelled > .text { margin: .15rem 0 0; }
.text { margin: .4rem 0; padding: .6rem .8rem; background: var(--panel); border: 1px solid var(--line); border-radius: 8px;
  white-space: pre-wrap; }
mark { color: inherit; border-radius: 3px; padding: .05em .12em; }
mark.chosen { background: var(--chosen); } mark.rejected { background: var(--rejected); } mark.plain { background: var(--plain); }
details { margin: .8rem 0; } summary { cursor: pointer; color: var(--soft); }
footer { margin-top: 3rem; font-size: .84rem; }
@media print { body { max-width: none; padding: 0; } figure { break-inside: avoid; } }
)css";

/// A page has its own style and pictures and nothing else: no script runs and nothing is fetched, whatever a row may hold.
constexpr const char* kPolicy =
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src "
    "'unsafe-inline'\">\n";

const char* class_of(Mark mark) {
  switch (mark) {
    case Mark::chosen:
      return "chosen";
    case Mark::rejected:
      return "rejected";
    case Mark::plain:
      break;
  }
  return "plain";
}

void flatten(const Json& json, const std::string& path, std::string& rows) {
  if (json.is_object() && !json.empty()) {
    for (const auto& [key, value] : json.items()) flatten(value, path.empty() ? key : path + "." + key, rows);
    return;
  }
  const std::string text = json.is_string() ? json.get<std::string>() : json_line(json);
  rows += "<tr><td class=\"key\">" + escape(path) + "</td><td class=\"value\">" + escape(text) + "</td></tr>\n";
}

std::string row_of(const std::vector<std::string>& cells, const std::vector<bool>& right, const char* tag) {
  std::string html = "<tr>";
  for (size_t i = 0; i < right.size(); ++i) {
    html += std::string("<") + tag + (right[i] ? " class=\"r\">" : ">") + (i < cells.size() ? escape(cells[i]) : "") + "</" +
            tag + ">";
  }
  return html + "</tr>\n";
}

}  // namespace

std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '\t':
      case '\n':
      case '\r':
        out += c;
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          out += "\xef\xbf\xbd";
        } else {
          out += c;
        }
    }
  }
  return out;
}

std::string data_uri(std::string_view mime, std::string_view bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out = "data:" + std::string(mime) + ";base64,";
  out.reserve(out.size() + bytes.size() * 4 / 3 + 4);
  const auto at = [&](size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U; };
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const unsigned group = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    out += kDigits[group >> 18];
    out += kDigits[group >> 12 & 63];
    out += i + 1 < bytes.size() ? kDigits[group >> 6 & 63] : '=';
    out += i + 2 < bytes.size() ? kDigits[group & 63] : '=';
  }
  return out;
}

std::string png_image(std::string_view png, std::string_view alt, int width, bool wide) {
  return "<img src=\"" + data_uri("image/png", png) + "\" alt=\"" + escape(alt) + "\"" +
         (width > 0 ? " width=\"" + std::to_string(width) + "\"" : "") + (wide ? " class=\"wide\">" : ">");
}

std::string marked_text(std::string_view text, const std::vector<std::pair<int64_t, int64_t>>& spans, Mark mark) {
  const auto size = static_cast<int64_t>(text.size());
  const auto part = [&](int64_t begin, int64_t end) {
    return escape(text.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin)));
  };
  std::string out = "<div class=\"text\">";
  int64_t done = 0;
  for (const auto& [first, last] : spans) {
    const int64_t begin = std::clamp(first, done, size), end = std::clamp(last, begin, size);
    out += part(done, begin);
    if (end > begin) out += std::string("<mark class=\"") + class_of(mark) + "\">" + part(begin, end) + "</mark>";
    done = end;
  }
  return out + part(done, size) + "</div>\n";
}

std::string html_table(const Table& table) {
  const std::vector<bool> right = right_columns(table);
  std::string html = "<div class=\"scroll\"><table>\n<thead>" + row_of(table.header, right, "th") + "</thead>\n<tbody>\n";
  for (const auto& row : table.rows) html += row_of(row, right, "td");
  return html + "</tbody></table></div>\n";
}

std::string settings_table(const Json& json) {
  std::string rows;
  flatten(json, "", rows);
  return "<div class=\"scroll\"><table>\n" + rows + "</table></div>\n";
}

std::string figure(std::string_view html, std::string_view caption) {
  std::string out = "<figure>" + std::string(html);
  if (!caption.empty()) out += "<figcaption>" + escape(caption) + "</figcaption>";
  return out + "</figure>\n";
}

std::string labelled(std::string_view label, std::string_view html) {
  return "<div class=\"labelled\"><span>" + escape(label) + "</span>" + std::string(html) + "</div>\n";
}

std::string grid(const std::vector<std::string>& items) {
  std::string out = "<div class=\"grid\">\n";
  for (const std::string& item : items) out += item;
  return out + "</div>\n";
}

std::string thumbnails(const std::vector<std::string>& items) {
  std::string out = "<div class=\"thumbnails\">\n";
  for (const std::string& item : items) out += item;
  return out + "</div>\n";
}

std::string facts(const std::vector<std::pair<std::string, std::string>>& name_and_value) {
  std::string out = "<div class=\"facts\">\n";
  for (const auto& [name, value] : name_and_value) {
    out += "<div class=\"fact\"><b>" + escape(value) + "</b><span>" + escape(name) + "</span></div>\n";
  }
  return out + "</div>\n";
}

std::string details(std::string_view summary, std::string_view html) {
  return "<details><summary>" + escape(summary) + "</summary>\n" + std::string(html) + "</details>\n";
}

Page::Page(std::string title, std::string subtitle) : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

Page& Page::section(std::string_view heading) { return add("<h2>" + escape(heading) + "</h2>\n"); }

Page& Page::subsection(std::string_view heading) { return add("<h3>" + escape(heading) + "</h3>\n"); }

Page& Page::paragraph(std::string_view text) { return add("<p>" + escape(text) + "</p>\n"); }

Page& Page::add(std::string_view html) {
  body_ += html;
  return *this;
}

std::string Page::html() const {
  std::string out = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  out += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  out += kPolicy;
  out += "<title>" + escape(title_) + "</title>\n<style>" + kStyle + "</style>\n</head>\n<body>\n<h1>" + escape(title_) +
         "</h1>\n";
  if (!subtitle_.empty()) out += "<p class=\"subtitle\">" + escape(subtitle_) + "</p>\n";
  return out + body_ + "</body>\n</html>\n";
}

}  // namespace rrpo::report
