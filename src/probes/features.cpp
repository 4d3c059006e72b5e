#include "probes/features.h"

namespace awl {
namespace {

struct Row {
  std::string_view name;
  Feature feature;
};
constexpr Row rows[] = {
    {"kprobe_multi", Feature::kprobe_multi},
    {"uprobe_multi", Feature::uprobe_multi},
    {"attach_cookie", Feature::attach_cookie},
    {"atomic_fetch", Feature::atomic_fetch},
    {"large_keys", Feature::large_keys},
    {"percpu_lookup", Feature::percpu_lookup},
};

}  // namespace

std::string_view feature_name(Feature feature) {
  for (const Row& row : rows)
    if (row.feature == feature) return row.name;
  return "?";
}

std::optional<Feature> find_feature(std::string_view name) {
  for (const Row& row : rows)
    if (row.name == name) return row.feature;
  return std::nullopt;
}

}  // namespace awl
