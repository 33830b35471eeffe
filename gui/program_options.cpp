#include "gui/program_options.h"

#include <QCommandLineParser>
#include <QCoreApplication>
#include <QFileInfo>
#include <QRegularExpression>

#include <cstdio>

namespace argus::gui {

namespace {

/// Without what QApplication and its platform read themselves, with one dash or two: a session manager starts programs
/// with -session ID.
QStringList withoutToolkitOptions(const QStringList& arguments)
{
    static const QStringList flags{QStringLiteral("reverse"), QStringLiteral("widgetcount")};
    static const QStringList withValue{QStringLiteral("platform"),      QStringLiteral("platformpluginpath"),
                                       QStringLiteral("platformtheme"), QStringLiteral("plugin"),
                                       QStringLiteral("session"),       QStringLiteral("style"),
                                       QStringLiteral("stylesheet"),    QStringLiteral("display"),
                                       QStringLiteral("name"),          QStringLiteral("qwindowgeometry"),
                                       QStringLiteral("qwindowtitle"),  QStringLiteral("qwindowicon"),
                                       QStringLiteral("geometry"),      QStringLiteral("title"),
                                       QStringLiteral("icon")};
    QStringList ours;
    for (int i = 0; i < arguments.size(); ++i) {
        const QString& each = arguments[i];
        const QString name = each.startsWith(QLatin1String("--")) ? each.mid(2) : each.mid(1);
        if (i == 0 || !each.startsWith(QLatin1Char('-')))
            ours << each;
        else if (withValue.contains(name))
            ++i;
        else if (!flags.contains(name) && !withValue.contains(name.section(QLatin1Char('='), 0, 0)))
            ours << each;
    }
    return ours;
}

} // namespace

std::optional<int> readOptions(const QStringList& arguments, ProgramOptions& options)
{
    QCommandLineParser parser;
    parser.setApplicationDescription(
        QStringLiteral("Argus: questions about pictures and clips, answered on your own machines."));
    const QCommandLineOption help = parser.addHelpOption();
    const QCommandLineOption version = parser.addVersionOption();
    const auto add = [&](const char* name, const char* about, const char* value = "") {
        const QCommandLineOption option{QString::fromLatin1(name), QString::fromLatin1(about),
                                        QString::fromLatin1(value)};
        parser.addOption(option);
        return option;
    };
    const auto head = add("head", "Use the head at HOST:PORT instead of a private one.", "ADDRESS");
    const auto headKey = add("head-key", "The public key of that head.", "KEY");
    const auto model = add("model", "Serve this checkpoint on the private head instead of the demo model.", "FOLDER");
    const auto device = add("device", "What computes for the private head: auto, cpu or cuda:N.", "DEVICE");
    const auto language = add("language", "en or zh_CN.", "CODE");
    const auto look = add("theme", "system, light or dark.", "NAME");
    const auto ask = add("ask", "Ask this as soon as the window is there.", "QUESTION");
    const auto image = add("image", "Attach a picture; may be given several times.", "FILE");
    const auto video = add("video", "Attach a clip; may be given several times.", "FILE");
    const auto temperature = add("temperature", "0: greedy.", "NUMBER");
    const auto penalty = add("repetition-penalty", "1: none.", "NUMBER");
    const auto screenshot =
        add("screenshot",
            "Save a picture of the window after the first answer, or without --ask once the model is ready.", "FILE");
    const auto page = add("page", "Show this page: chat or engine.", "NAME");
    const auto open = add("open", "Open this dialog once the model is ready: add-worker or logs.", "NAME");
    const auto quit =
        add("quit-after-answer", "Quit after that, or when it cannot be; the exit status says whether it worked.");
    const auto trace = add("trace-startup", "Print how long the steps of the start took.");
    if (!parser.parse(withoutToolkitOptions(arguments))) {
        std::fprintf(stderr, "argus: %s\n", qPrintable(parser.errorText()));
        return 2;
    }
    if (parser.isSet(help) || parser.isSet(version)) {
        std::printf("%s\n", parser.isSet(help) ? qPrintable(parser.helpText())
                                               : qPrintable(QCoreApplication::applicationVersion()));
        return 0;
    }
    options.link.headAddress = parser.value(head);
    if (parser.isSet(head) && !options.link.headAddress.startsWith(QLatin1String("tcp://")))
        options.link.headAddress.prepend(QLatin1String("tcp://"));
    options.link.headKey = parser.value(headKey);
    if (parser.isSet(head) != parser.isSet(headKey)) {
        std::fprintf(stderr, "argus: --head and --head-key belong together; the head prints both when it starts\n");
        return 2;
    }
    if (parser.isSet(model))
        options.link.headSettings << QStringLiteral("--model") << QFileInfo(parser.value(model)).absoluteFilePath();
    static const QRegularExpression devices(QStringLiteral("^(auto|cpu|cuda:[0-9]{1,4})$"));
    if (parser.isSet(device) && !devices.match(parser.value(device)).hasMatch()) {
        std::fprintf(stderr, "argus: device is \"%s\", allowed is auto, cpu, cuda:0, cuda:1, ...\n",
                     qPrintable(parser.value(device)));
        return 2;
    }
    if (parser.isSet(device))
        options.link.headSettings << QStringLiteral("--device") << parser.value(device);
    options.language = parser.value(language);
    options.theme = parser.value(look);
    options.ask = parser.value(ask);
    for (const QStringList& files : {parser.values(image), parser.values(video)})
        for (const QString& file : files)
            options.attachments << QFileInfo(file).absoluteFilePath();
    if (parser.isSet(temperature))
        options.sampling.temperature = parser.value(temperature).toDouble();
    if (parser.isSet(penalty))
        options.sampling.repetitionPenalty = parser.value(penalty).toDouble();
    options.page = parser.value(page);
    options.open = parser.value(open);
    const auto isOne = [](const QString& name, const QString& value, const QStringList& allowed) {
        if (value.isEmpty() || allowed.contains(value))
            return true;
        std::fprintf(stderr, "argus: --%s is \"%s\", allowed is %s\n", qPrintable(name), qPrintable(value),
                     qPrintable(allowed.join(QStringLiteral(", "))));
        return false;
    };
    if (!isOne(QStringLiteral("page"), options.page, {QStringLiteral("chat"), QStringLiteral("engine")}) ||
        !isOne(QStringLiteral("open"), options.open, {QStringLiteral("add-worker"), QStringLiteral("logs")}))
        return 2;
    options.screenshot = parser.value(screenshot);
    options.quitAfterAnswer = parser.isSet(quit);
    options.traceStartup = parser.isSet(trace);
    return std::nullopt;
}

} // namespace argus::gui
