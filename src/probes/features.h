#pragma once
#include "probes/host.h"

namespace awl {

// Names under which features stand in artifacts (Param::name of ParamKind::feature) and in --no-feature and --info.
std::string_view feature_name(Feature feature);
// What of the kernel a feature is, and since which version of Linux: "bpf_for_each_map_elem", "5.13".
struct FeatureFacts {
  std::string_view provides, since;
};
FeatureFacts feature_facts(Feature feature);
std::optional<Feature> find_feature(std::string_view name);

}  // namespace awl
