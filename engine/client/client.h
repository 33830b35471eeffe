#pragma once
// The client library: what the desktop and the command line use to talk to a head. No Qt, one I/O thread, callbacks.

#include "engine/base/clock.h"
#include "engine/base/result.h"
#include "engine/base/sha256.h"
#include "engine/protocol/client.pb.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <variant>

namespace argus::client {

/// CURVE keys as Z85 text (40 characters each).
struct KeyPair {
    std::string publicKey;
    std::string secretKey;
};

/// Where a head is, whom to expect there, and who we are.
struct HeadAddress {
    std::string endpoint;      ///< "tcp://127.0.0.1:47700"
    std::string headPublicKey; ///< Z85
    KeyPair own;
};

// ---- what happens, in the order it happens; every event comes on the I/O thread ----

/// The head has greeted; again on the same connection when the role of this client's key has changed.
struct Connected {
    wire::Welcome welcome;
};
/// The head is not answering (any more). The client keeps trying with back-off until it is destroyed; asks that run are
/// resumed when it is back.
struct Disconnected {
    Error why;
};
struct StatusArrived {
    wire::Status status;
};
struct UploadProgress {
    Sha256 sha256;
    std::uint64_t sent = 0;
    std::uint64_t size = 0;
};
struct UploadFinished {
    Sha256 sha256;
};
struct UploadFailed {
    Sha256 sha256;
    Error error;
};
struct Inspected {
    Sha256 sha256;
    wire::MediaInfo info;
};
struct InspectFailed {
    Sha256 sha256;
    Error error;
};
struct AskProgressed {
    wire::AskProgress progress;
};
struct TextArrived {
    std::string ask;
    std::string text;
}; ///< a piece, valid UTF-8, in order, never twice
struct AskFinished {
    wire::AskFinished finished;
}; ///< exactly one of finished and failed ends an ask
struct AskFailed {
    std::string ask;
    Error error;
    std::string text;
};
struct HeadStopping {
    std::string reason;
};
/// Each preflight, deploy, join line and log ends in its event or in CommandFailed, exactly once.
struct PreflightArrived {
    wire::PreflightDone done;
};
struct DeployAnswered {
    wire::DeployAnswer answer;
};
struct JoinLineArrived {
    wire::JoinLine line;
};
struct LogArrived {
    wire::LogText log;
};
/// The head is away or did not take it. `about` is the command's id, or the name of the node to be removed.
/// Also, with an empty `about`, when the head denies what has no answer: to stop.
struct CommandFailed {
    std::string about;
    Error error;
};

using Event = std::variant<Connected, Disconnected, StatusArrived, UploadProgress, UploadFinished, UploadFailed,
                           Inspected, InspectFailed, AskProgressed, TextArrived, AskFinished, AskFailed, HeadStopping,
                           PreflightArrived, DeployAnswered, JoinLineArrived, LogArrived, CommandFailed>;

/// One connection to one head. All methods may be called from any thread and return at once; outcomes come as events.
class Client {
public:
    /// `program` names the caller to the head ("argus", "argus-node ask").
    Client(HeadAddress head, std::string program);
    /// Joins the I/O thread: no event comes after this.
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// Starts the I/O thread. `onEvent` is called on it and must not block. Errors: BadRequest for an unusable address
    /// or key.
    [[nodiscard]] Result<Done> start(std::function<void(Event)> onEvent);

    /// Reads, hashes and uploads a file (on the I/O side, not the caller's thread) and calls back with its digest
    /// before the first byte is sent; then UploadProgress, UploadFinished or UploadFailed. A file that cannot be read
    /// or is too large: `onHashed` gets the error.
    void upload(std::filesystem::path file, std::function<void(Result<Sha256>)> onHashed);
    /// The same for bytes in memory (a pasted picture); returns their digest at once.
    Sha256 upload(std::string bytes);
    /// What is in an upload, what the model will see of it, a thumbnail. Waits for the upload to finish. Then Inspected
    /// or InspectFailed.
    void inspect(const Sha256& sha256, std::uint32_t thumbnailSide);

    /// Sends the ask once its attachments are uploaded; kept and sent later when the head is away. Returns ask.id, made
    /// here when empty.
    std::string ask(wire::Ask ask);
    void cancel(const std::string& askId);
    /// Asks the head to drain and end.
    void stopHead();

    // About the cluster. They return the command's id, made here when `id` is empty; while the head is away they fail
    // at once instead of waiting.
    /// What would happen with these settings. Then PreflightArrived; changes nothing.
    std::string preflight(wire::EngineSettings settings, std::string id = {});
    /// Serve with these settings instead. Then DeployAnswered; how it goes on is in the status.
    std::string deploy(wire::EngineSettings settings, std::string id = {});
    /// A command line with which another machine joins. Then JoinLineArrived.
    std::string makeJoinLine(std::string id = {});
    /// The last lines that a node has written; `mostBytes` 0: as many as one answer holds. Then LogArrived.
    std::string getLog(std::string node, std::uint32_t mostBytes = 0, std::string id = {});
    /// Revokes a node's key. No event when it worked: the status lacks the node then.
    void removeNode(std::string node);

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

} // namespace argus::client
