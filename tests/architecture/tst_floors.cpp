// The drawing of the house as a test: every #include goes down the floors. The drawing itself is docs/architecture.md.

#include <QDir>
#include <QDirIterator>
#include <QFile>
#include <QRegularExpression>
#include <QTemporaryDir>
#include <QTest>

#include <map>
#include <optional>
#include <set>

namespace {

const std::map<QString, int> kFloors{
    {"kernels", 0},
    {"engine/base", 0},
    {"engine/protocol", 0},
    {"engine/tensor", 1},
    {"engine/text", 1},
    {"engine/media", 1},
    {"engine/ops", 1},
    {"engine/comm", 1},
    {"engine/client", 1},
    {"engine/decoder", 1},
    {"engine/model", 2},
    {"engine/plan", 3},
    {"engine/schedule", 3},
    {"engine/executor", 4},
    {"engine/cluster", 4},
    {"engine/node", 5},
    {"engine/api", 5},
    {"engine/apps", 6},
    {"gui", 6},
};

/// Neighbours on one floor that may look at each other, one way.
const std::set<std::pair<QString, QString>> kSideways{
    {"engine/protocol", "engine/base"},
    {"engine/ops", "engine/tensor"},
    {"engine/comm", "engine/tensor"},
    {"engine/media", "engine/tensor"},
    {"engine/media", "engine/decoder"}, // the parent's and the child's view of one
                                        // message
    {"engine/api", "engine/node"},      // the front desk takes asks for the node behind it
};

/// Rooms that may see nothing but these.
const std::map<QString, std::set<QString>> kOnly{
    {"gui", {"engine/client", "engine/base", "engine/protocol"}}, {"kernels", {}},
    {"engine/client", {"engine/protocol", "engine/base"}},        {"engine/schedule", {"engine/base"}},
    {"engine/comm", {"engine/base", "engine/tensor", "kernels"}},
};

/// The only rooms that may see kernels.
const std::set<QString> kSeeKernels{"engine/ops", "engine/comm", "engine/decoder"};

/// "engine/media" of "engine/media/media.h"; nothing for what is not ours.
std::optional<QString> roomOf(const QString& path)
{
    for (const auto& [room, floor] : kFloors)
        if (path.startsWith(room + '/'))
            return room;
    return std::nullopt;
}

std::optional<QString> complaint(const QString& file, const QString& included)
{
    const auto from = roomOf(file);
    if (!from)
        return QString("%1 stands in no room of the house").arg(file);
    static const QRegularExpression qt("^(Q[A-Z]|Qt[A-Z])");
    if (*from != "gui" && qt.match(included).hasMatch())
        return QString("%1 includes Qt (%2): only gui may").arg(file, included);
    const auto to = roomOf(included);
    if (!to || *to == *from)
        return std::nullopt;
    const QString sentence = QString("%1 includes %2").arg(file, included);
    if (const auto only = kOnly.find(*from); only != kOnly.end() && !only->second.contains(*to))
        return sentence + ": " + *from + " may not see " + *to;
    if (*to == "kernels" && !kSeeKernels.contains(*from))
        return sentence + ": only ops, comm and decoder see kernels";
    if (kFloors.at(*to) >= kFloors.at(*from) && !kSideways.contains({*from, *to}))
        return sentence + QString(": floor %1 may not look at floor %2").arg(kFloors.at(*from)).arg(kFloors.at(*to));
    return std::nullopt;
}

QStringList complaintsAbout(const QString& root, int* filesRead)
{
    static const QRegularExpression include("^\\s*#\\s*include\\s*[\"<]([^\">]+)[\">]",
                                            QRegularExpression::MultilineOption);
    QStringList complaints;
    for (const QString& top : {QString("engine"), QString("gui"), QString("kernels")}) {
        QDirIterator files(root + '/' + top, {"*.h", "*.cpp", "*.cu", "*.cuh"}, QDir::Files,
                           QDirIterator::Subdirectories);
        while (files.hasNext()) {
            QFile file(files.next());
            if (!file.open(QIODevice::ReadOnly))
                continue;
            ++*filesRead;
            const QString name = QDir(root).relativeFilePath(file.fileName());
            auto matches = include.globalMatch(QString::fromUtf8(file.readAll()));
            while (matches.hasNext())
                if (const auto problem = complaint(name, matches.next().captured(1)))
                    complaints << *problem;
        }
    }
    return complaints;
}

void write(const QString& path, const QByteArray& content)
{
    QVERIFY(QDir().mkpath(QFileInfo(path).path()));
    QFile file(path);
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(content);
}

} // namespace

class TstFloors : public QObject {
    Q_OBJECT

private slots:
    void everyIncludeGoesDown()
    {
        int filesRead = 0;
        const QStringList complaints = complaintsAbout(ARGUS_SOURCE_DIR, &filesRead);
        QVERIFY2(filesRead > 50, "the sources were not found");
        QVERIFY2(complaints.isEmpty(), qPrintable(complaints.join('\n')));
    }

    void aWrongIncludeIsNamed_data()
    {
        QTest::addColumn<QString>("file");
        QTest::addColumn<QByteArray>("line");
        QTest::newRow("up") << "engine/base/a.h" << QByteArray("#include \"engine/model/config.h\"");
        QTest::newRow("neighbour") << "engine/text/a.cpp" << QByteArray("#include \"engine/media/media.h\"");
        QTest::newRow("gui sees the scheduler")
            << "gui/chat/a.cpp" << QByteArray("  #  include <engine/schedule/scheduler.h>");
        QTest::newRow("kernel sees a tensor") << "kernels/a.h" << QByteArray("#include \"engine/tensor/tensor.h\"");
        QTest::newRow("engine sees Qt") << "engine/node/a.cpp" << QByteArray("#include <QString>");
        QTest::newRow("model sees a kernel") << "engine/model/a.cpp" << QByteArray("#include \"kernels/rms_norm.h\"");
        QTest::newRow("room without a floor") << "engine/attic/a.cpp" << QByteArray("#include <vector>");
    }

    void aWrongIncludeIsNamed()
    {
        QFETCH(QString, file);
        QFETCH(QByteArray, line);
        QTemporaryDir house;
        write(house.filePath(file), line + "\n#include <vector>\n");
        int filesRead = 0;
        const QStringList complaints = complaintsAbout(house.path(), &filesRead);
        QCOMPARE(filesRead, 1);
        QVERIFY(!complaints.isEmpty());
        QVERIFY(complaints.first().contains(file));
    }

    void downwardIncludesAreFine()
    {
        QTemporaryDir house;
        write(house.filePath("engine/node/a.cpp"),
              "#include \"engine/schedule/scheduler.h\"\n#include \"engine/base/log.h\"\n");
        int filesRead = 0;
        QCOMPARE(complaintsAbout(house.path(), &filesRead), QStringList());
        QCOMPARE(filesRead, 1);
    }
};

QTEST_GUILESS_MAIN(TstFloors)
#include "tst_floors.moc"
