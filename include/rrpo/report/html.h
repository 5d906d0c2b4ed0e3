// Self-contained HTML pages: one quiet stylesheet, light and dark, no scripts, nothing fetched from anywhere.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rrpo/report/table.h"
#include "rrpo/util/json_file.h"

namespace rrpo::report {

/// Text for HTML content and quoted attributes. Control bytes become the replacement character.
std::string escape(std::string_view text);

/// `data:MIME;base64,…`
std::string data_uri(std::string_view mime, std::string_view bytes);

/// An <img> of PNG bytes inside the page. `width` in CSS pixels; 0: the picture's own. `wide`: a narrow screen scrolls over
/// it instead of making its parts too small to see.
std::string png_image(std::string_view png, std::string_view alt, int width = 0, bool wide = false);

/// The colour of marked text.
enum class Mark { plain, chosen, rejected };

/// `text` with the half-open byte ranges `spans` marked. Spans are sorted and disjoint; what lies outside the text is cut
/// off.
std::string marked_text(std::string_view text, const std::vector<std::pair<int64_t, int64_t>>& spans, Mark mark);

/// A table; numbers stand right.
std::string html_table(const Table& table);

/// Every value of nested JSON as a table of two columns, `optim.lr` and `5e-06`.
std::string settings_table(const Json& json);

/// A picture or chart with a line below it.
std::string figure(std::string_view html, std::string_view caption);

/// A word of small type above what it names.
std::string labelled(std::string_view label, std::string_view html);

/// Items side by side as far as the window allows.
std::string grid(const std::vector<std::string>& items);

/// Small figures in rows, as many side by side as the window holds.
std::string thumbnails(const std::vector<std::string>& items);

/// Large numbers with their names below: what a reader looks for first.
std::string facts(const std::vector<std::pair<std::string, std::string>>& name_and_value);

/// A part that opens on a click.
std::string details(std::string_view summary, std::string_view html);

/// A page under construction. `html` arguments are markup made by the functions above, everything else is plain text.
class Page {
 public:
  explicit Page(std::string title, std::string subtitle = "");
  Page& section(std::string_view heading);
  Page& subsection(std::string_view heading);
  Page& paragraph(std::string_view text);
  Page& add(std::string_view html);
  std::string html() const;

 private:
  std::string title_, subtitle_, body_;
};

}  // namespace rrpo::report
