#pragma once
// `--replace NAME`: a running session hands its links over to one that takes its place, so that no moment is without a program.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "probes/host.h"

namespace awl {

// A link whose program the kernel exchanges in one step, as both sessions know it.
struct NamedLink {
  std::string probe;  // text of the target: of equal ones the first goes first
  int link = -1;      // descriptor of the BPF link
  int program = -1;   // descriptor of the session's own program in it
};

// Both ends. A session that runs under a name listens on the socket /run/awl/NAME (folder and socket are the user's alone). One that takes the name connects
// to it and is sent the links (one message each: the target's text and the descriptor; an empty one at the end), puts its programs into them, attaches what else it
// has, answers with its process id, and listens in the other's place; the other ends then. If the connection ends before that answer, the other puts its own
// programs back and runs on.
class Handover {
 public:
  Handover() = default;
  Handover(const Handover&) = delete;
  ~Handover();

  // --- taking a name ---
  // Connects to the session of that name, if there is one, and gets its links. Until commit() no other can take a name.
  Result<> begin(const std::string& name);
  // Puts a program into the link for a target, if one was handed over; then the link is the caller's.
  Result<std::optional<Link>> take(std::string_view target, int program);
  // Tells the other session to end, and listens in its place.
  Result<> commit();

  // --- having a name ---
  // Looks whether another session wants to take the name. True: it has, this one is to end.
  Result<bool> serve(const std::vector<NamedLink>& links);
  // Readable when there may be something to serve; -1: no name.
  int fd() const { return peer_ ? peer_.get() : listener_.get(); }
  bool named() const { return static_cast<bool>(listener_); }
  int successor() const { return successor_; }

 private:
  struct Offered {
    std::string probe;
    Fd link;
  };
  Result<> receive_links();
  Result<> offer(const std::vector<NamedLink>& links);

  std::string path_;
  Fd folder_;    // locked while a name is taken
  Fd listener_;  // of this session
  Fd peer_;      // the session that hands over, or takes over
  std::vector<Offered> offered_;
  int successor_ = 0;  // process id
};

}  // namespace awl
