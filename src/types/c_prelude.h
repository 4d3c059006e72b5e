#pragma once
// Declarations of the kernel's types as C, for C text that uses them without a header.
#include <set>
#include <string>

#include "probes/host.h"

namespace awl {

class CPrelude {
 public:
  explicit CPrelude(Host& host) : host_(&host) {}
  // Adds the kernel's types of these names (typedefs, structures, unions, enums) and what they need. False when there is nothing new.
  bool add(const std::set<std::string>& names);
  // The declarations as C text.
  const std::string& text() const { return text_; }

 private:
  Host* host_;
  std::set<std::string> names_;
  std::string text_;
};

}  // namespace awl
