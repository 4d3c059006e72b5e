#include "base/result.h"

#include <cstring>

namespace awl {

Error&& Error::context(std::string_view what) && {
  message = fmt::format("{}: {}", what, message);
  return std::move(*this);
}

std::string Error::text() const {
  if (code == 0) return message;
  return fmt::format("{} ({})", message, strerror(code));
}

std::unexpected<Error> fail_text(int code, std::string message, std::string hint) {
  return std::unexpected(Error{code, std::move(message), std::move(hint)});
}

}  // namespace awl
