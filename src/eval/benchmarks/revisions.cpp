// Which release an annotation file is of, by the hash of its bytes, as its publisher's repository has it.
#include <array>
#include <string_view>

#include "rrpo/eval/convert.h"

namespace rrpo::eval {
namespace {

struct Revision {
  std::string_view benchmark, sha256, name;
};

constexpr std::string_view kTempCompass = "questions of 2024-03-12 (github llyx97/TempCompass e1b4631)";
constexpr std::string_view kMlvu = "dev set of 2024-06-19 (github JUNJIE99/MLVU fd060c1)";
constexpr std::string_view kPairs = "pairs of 2024-06-07 (github patrick-tssn/VideoHallucer 6f4f81a)";
constexpr std::string_view kEvents = "questions of 2024-09-24 (github Stevetich/EventHallusion 3c7efa1)";

constexpr std::array<Revision, 21> kRevisions = {{
    {"tempcompass", "ef8038edfbcd713e14a361cb617bc4fe815e3cafffe003cc024bcac86c9d764d", kTempCompass},
    {"tempcompass", "49815114d9753ab26a63d410892950fb4577b4def096e7e4e523ac91fb98f1eb", kTempCompass},
    {"tempcompass", "c5bbdd249bbeca2d8fc70adec639509d8b9cb6d0bb3edfe4b838477a5efc3bbd", kTempCompass},
    {"tempcompass", "f10910c595a30aff3104c48b9cddcd88e71d512ba14dd7eff77d30e39807768d", kTempCompass},
    {"tempcompass", "72144a7cb5aba97d12c3148ec734f7c8f27a04f6b3a7396ef41003a0a7178419", kTempCompass},
    {"mlvu", "453cdabe10409fe5ed4c0d98dcde2be53e13ae3dacb19fd3173c8b27c4bf388b", kMlvu},
    {"mlvu", "e31deed2c719f035054f5229f7ea77075eb4b69bf83680e8baf3b272a9eabb1d", kMlvu},
    {"mlvu", "4566a3e9e19c8cee8183f0368e9a8d0f484098bd2f1eb949c832535764eb9701", kMlvu},
    {"mlvu", "4b063074ab8e676e4756e4aaa369c18e38ed49563ec4e0cd0a381c4260dacb8a", kMlvu},
    {"mlvu", "c332f83c45a1a28cec156658f8cb6a948fcb181ed0ee5e044a9be3fb95dc6bdb", kMlvu},
    {"mlvu", "caccb62cd52775cdcf3989ce15aa2bbb4269c2df2863eb7d0f48e83620a705e8", kMlvu},
    {"mlvu", "54a5287703fddc2bc2b6cfdc92918e099d50257c575a12d194423128deefc99d", kMlvu},
    {"videohallucer", "a60dfe2290e1f6d35bfc6e2c7ff8794a2591b6eca2b043575ab0762037eec7fd", kPairs},
    {"videohallucer", "5e6c8b874faab604d7a6f8bd59012a1aae253c1b6ffc0dab316d2f301dfb3ad9", kPairs},
    {"videohallucer", "dbba8cf7bed776de2e7548899174f98e24432f7472c42b1516d83d98def795e2", kPairs},
    {"videohallucer", "72cb44b19c97d55670608ec6d2b39bfcc1de5a9155c2fb80bcee0284dff2ee36", kPairs},
    {"videohallucer", "9c33a61510b1e3e947baff405d13a3303189b9e41b3f1f785d66c3e63a698d92",
     "200 temporal pairs, 24 of them twice, as the paper's numbers have them (6f4f81a, 2024-06-07)"},
    {"videohallucer", "97acacdfd510b1cfb73ae69df1007f1489d5542fb9f7c18ba2601fe0f253129e",
     "176 temporal pairs, without the 24 duplicates (ae4c2f2, 2025-10-24)"},
    {"eventhallusion", "f7116d7ec6d2f51a32d24e4c9d53e23b91f339cfea693b9e23de4f429b4c3a5c", kEvents},
    {"eventhallusion", "0228137d6b3db8626bbc3b2d561b2c136eb53c791fcddc7912325787b0fd1168", kEvents},
    {"eventhallusion", "5eae8c84bb8bfd84a0a35640f7b1d09b30ca45e356ed34724c3412f046500b2c", kEvents},
}};

}  // namespace

std::string known_revision(const std::string& benchmark, const std::string& sha256) {
  for (const Revision& revision : kRevisions) {
    if (revision.benchmark == benchmark && revision.sha256 == sha256) return std::string(revision.name);
  }
  return "";
}

}  // namespace rrpo::eval
