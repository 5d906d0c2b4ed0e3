#include "denominators.h"

#include <algorithm>

namespace rrpo::train {

bool averages_differ(const loss::Objective& objective) {
  const loss::Average first = objective.terms.front().row->average;
  return std::any_of(objective.terms.begin(), objective.terms.end(),
                     [first](const loss::Term& term) { return term.row->average != first; });
}

std::vector<double> denominators(const loss::Objective& objective, const data::Dataset& dataset,
                                 const std::vector<int64_t>& rows) {
  const auto pairs = static_cast<double>(rows.size());
  double tokens = 0;
  for (const int64_t row : rows) tokens += static_cast<double>(dataset.samples[static_cast<size_t>(row)].chosen.ids.size());
  std::vector<double> over;
  for (const loss::Term& term : objective.terms) over.push_back(term.row->average == loss::Average::tokens ? tokens : pairs);
  return over;
}

std::set<std::string> ids_of(const std::vector<data::SkippedRow>& rows) {
  std::set<std::string> ids;
  for (const data::SkippedRow& row : rows) ids.insert(row.id);
  return ids;
}

std::vector<int64_t> without(const std::vector<int64_t>& rows, const data::Dataset& dataset,
                             const std::set<std::string>& unread) {
  std::vector<int64_t> left;
  for (const int64_t row : rows) {
    if (!unread.contains(dataset.samples[static_cast<size_t>(row)].id)) left.push_back(row);
  }
  return left;
}

}  // namespace rrpo::train
