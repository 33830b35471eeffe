#include "gui/chat/media_text.h"

#include <QCoreApplication>
#include <QLocale>

namespace argus::gui {

QString describeMedia(const MediaFacts& facts)
{
    const QLocale locale;
    const auto pixels = [&](QSize size) { return QStringLiteral("%1×%2").arg(size.width()).arg(size.height()); };
    const QString tokens =
        QCoreApplication::translate("MediaText", "%Ln token(s)", "what an attachment costs", facts.tokens);
    if (facts.video)
        //: of a clip: length, frames the model receives, their size, tokens
        return QCoreApplication::translate("MediaText", "%1 s · %n frame(s) → %2 · %3", "", facts.modelFrames)
            .arg(locale.toString(facts.seconds, 'f', 1), pixels(facts.modelSize), tokens);
    return QStringLiteral("%1 → %2 · %3").arg(pixels(facts.size), pixels(facts.modelSize), tokens);
}

} // namespace argus::gui
