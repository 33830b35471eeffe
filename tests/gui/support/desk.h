#pragma once
// The real window on a scripted cluster, and what stands in it for a person to read.

#include "gui/cluster/cluster_desk.h"
#include "gui/engine/engine_page.h"
#include "gui/link/engine_link.h"
#include "gui/main_window.h"
#include "gui/settings/language.h"
#include "gui/settings/settings_store.h"
#include "tests/gui/support/cluster_head.h"

#include <QAbstractButton>
#include <QComboBox>
#include <QLabel>
#include <QPushButton>
#include <QRegularExpression>

#include <filesystem>
#include <memory>

namespace argus::gui::testing {

using argus::testing::ClusterHead;

constexpr int kPatienceMs = 20'000;

/// A desktop connected to a scripted cluster.
struct Desk {
    explicit Desk(const QString& folder, const QString& code = "en", const std::string& role = "client")
        : head(std::filesystem::path(folder.toStdString()) / "uploads"), settings(folder),
          link(LinkOptions{head.address(), head.key(), {}, 512})
    {
        head.giveRole(role);
        language.set(code);
        window = std::make_unique<MainWindow>(link, settings, language, QString());
        window->resize(1180, 800);
        window->show();
        link.start();
    }
    ~Desk() { window.reset(); }

    template <typename T>
    T* find(const char* name)
    {
        return window->findChild<T*>(QLatin1String(name));
    }
    /// The texts of every visible label of that name.
    QStringList texts(const char* name)
    {
        QStringList all;
        for (auto* label : window->findChildren<QLabel*>(QLatin1String(name)))
            if (label->isVisible())
                all << plain(label->text());
        return all;
    }
    static QString plain(QString text) { return text.remove(QChar(0x2060)).replace(QChar(QChar::Nbsp), ' '); }
    EngineForm& form() { return window->desk().enginePage().form(); }
    bool isConnected() { return link.state() == LinkState::Connected && find<QLabel>("nodeState") != nullptr; }
    /// Whether a person sees a settled verdict.
    bool isChecked() { return form().preflight().has_value() && !form().isChecking(); }
    void choose(const char* combo, int value)
    {
        auto* box = find<QComboBox>(combo);
        box->setCurrentIndex(box->findData(value));
        emit box->activated(box->currentIndex());
    }
    QList<QPushButton*> fixes()
    {
        QList<QPushButton*> visible;
        for (auto* button : window->findChildren<QPushButton*>("btnFix"))
            if (button->isVisible())
                visible << button;
        return visible;
    }

    ClusterHead head;
    SettingsStore settings;
    Language language;
    EngineLink link;
    std::unique_ptr<MainWindow> window;
};

inline Error endedOnB()
{
    return makeError(ErrorCode::Crashed,
                     say("executor-ended-often", 3, say("executor-ended-on", "gpu-b", say("how-signal", 9, "Killed"))),
                     say("do-see-log"));
}

inline Error silentB()
{
    return makeError(ErrorCode::Unreachable, say("node-is", "gpu-b", say("why-silent", 7)), say("do-look-at-node"));
}

/// Two plain English words in a row that a person sees; names, settings, commands, paths and `values` are the same in
/// every language.
inline QStringList englishIn(QWidget& window, const QStringList& values = {})
{
    static const QRegularExpression commands("<[^>]*>|argus-node( [a-z]+)*|--[a-z-]+|argus://\\S*|/\\S+");
    static const QRegularExpression words("[A-Z]?[a-z]{2,} [a-z]{2,}");
    QStringList found;
    const auto look = [&](QString text) {
        for (const QString& value : values)
            text.remove(value, Qt::CaseInsensitive);
        if (words.match(QString(text).remove(commands)).hasMatch())
            found << text;
    };
    for (const QWidget* widget : window.findChildren<QWidget*>()) {
        if (!widget->isVisible())
            continue;
        look(widget->toolTip());
        look(widget->accessibleName());
        look(widget->accessibleDescription());
        if (const auto* label = qobject_cast<const QLabel*>(widget))
            look(label->text());
        else if (const auto* button = qobject_cast<const QAbstractButton*>(widget))
            look(button->text());
        else if (const auto* box = qobject_cast<const QComboBox*>(widget))
            for (int i = 0; i < box->count(); ++i)
                look(box->itemText(i));
    }
    return found;
}

} // namespace argus::gui::testing
