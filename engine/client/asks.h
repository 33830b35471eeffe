#pragma once
// Asks and inspections on their way: sent once what they need is uploaded, resumed after a reconnect, each ended
// exactly once.

#include "engine/client/outlet.h"
#include "engine/client/uploads.h"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace argus::client {

/// Lives on the I/O thread.
class Asks {
public:
    Asks(Outlet outlet, Uploads& uploads) : m_outlet(std::move(outlet)), m_uploads(uploads) {}

    void ask(wire::Ask ask);
    void cancel(const std::string& id, Instant now);
    void inspect(const Sha256& sha256, std::uint32_t thumbnailSide);

    /// A new connection: what has been sent is resumed, what has not follows when it may.
    void connected();
    void disconnected();
    void onProgress(const wire::AskProgress& progress);
    void onText(const wire::AskText& text);
    void onFinished(wire::AskFinished finished);
    void onFailed(wire::AskFailed failed);
    void onInspected(const wire::Inspected& inspected);
    /// The head did not take a message about this ask or this digest (hexadecimal). False: nothing here is called that.
    [[nodiscard]] bool onRefused(const std::string& about, const Error& error);
    /// Sends what may be sent now, and ends what waited too long.
    void pump(Instant now);
    /// Of an ask that the head says nothing about for so long it is asked what has become of it: whatever was lost comes
    /// again, and one that it does not know is asked anew or has failed.
    static constexpr Milliseconds kUnansweredPause{60'000};

private:
    struct Ask {
        wire::Ask message;
        std::set<Sha256> needs;
        std::string text;         ///< delivered so far
        bool sent = false;        ///< on this connection or an earlier one
        bool resumeAsked = false; ///< for a gap that has been seen
        int sendings = 0;
        bool answered = true; ///< the head has said something since the last pump()
        Instant heard{};      ///< about it, as pump() has noticed
        std::optional<Instant> cancelledAt;
    };
    struct Inspection {
        std::uint32_t thumbnailSide = 0;
        bool sent = false;
    };
    using AskMap = std::map<std::string, Ask>;

    enum class Needs { Met, Waiting, Failed };
    [[nodiscard]] Needs needsOf(const std::set<Sha256>& digests, std::optional<Error>& error);
    void send(Ask& ask);
    void resume(const std::string& id, Ask& ask);
    void sendCancel(const std::string& id);
    void pumpInspections();
    void deliver(Ask& ask, const std::string& id, std::uint64_t offset, std::string_view text);
    void notFound(AskMap::iterator ask, Error error);
    void finishCancelled(AskMap::iterator ask);
    void fail(AskMap::iterator ask, Error error);

    Outlet m_outlet;
    Uploads& m_uploads;
    AskMap m_asks;
    std::map<Sha256, Inspection> m_inspections;
    std::set<std::string> m_cancelLater; ///< ended here while the head was away; it is told when it is back
    bool m_connected = false;
};

} // namespace argus::client
