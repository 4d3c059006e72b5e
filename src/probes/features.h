#pragma once
#include "probes/host.h"

namespace awl {

// Names under which features stand in artifacts (Param::name of ParamKind::feature) and in --no-feature and --info.
std::string_view feature_name(Feature feature);
std::optional<Feature> find_feature(std::string_view name);

}  // namespace awl
