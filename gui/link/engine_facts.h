#pragma once
// Engine settings, and what a preflight says about them, as plain Qt values.

#include "gui/link/trouble.h"

#include <QByteArray>
#include <QList>
#include <QMetaType>
#include <QString>
#include <QStringList>

namespace argus::gui {

/// Where a machine differs from what it would do by itself.
struct NodeChoice {
    QString node;      ///< its name
    QString devices;   ///< "all", "none" or numbers: "0,1"; empty: all
    QString interface; ///< to the other machines; empty: the one that reaches the head
    QString model;     ///< folder there; empty: as on the head

    [[nodiscard]] bool isEmpty() const { return devices.isEmpty() && interface.isEmpty() && model.isEmpty(); }
    bool operator==(const NodeChoice&) const = default;
};

/// What the engine page edits of the engine's settings.
struct EngineSettings {
    QString model; ///< folder of the checkpoint; empty: the demo model
    int tensorParallel = 1;
    int pipelineParallel = 1;
    QString dtype = QStringLiteral("auto");
    double memoryShare = 0.9;
    int maxModelLen = 0; ///< tokens; 0: automatic
    int maxNumSeqs = 0;  ///< 0: automatic
    bool enforceEager = false;
    QString stageLayers; ///< "20,16"; empty: by memory
    QString loadFormat = QStringLiteral("auto");
    QString device = QStringLiteral("auto"); ///< auto, cpu, cuda:N
    int maxBatchedTokens = 0;                ///< tokens of one step; 0: automatic
    QList<NodeChoice> nodes;                 ///< only machines with a choice, by name
    QByteArray rest; ///< the message it came from: fields that are not edited here go back unchanged

    /// What is edited; `rest` does not count.
    [[nodiscard]] bool sameAs(const EngineSettings& other) const;
    [[nodiscard]] NodeChoice choiceOf(const QString& node) const;
    /// Replaces, adds or, when it is empty, removes a machine's choice.
    void choose(const NodeChoice& choice);
    /// A field by its name in the engine ("tensor_parallel_size"), of a machine when `node` is not empty. Returns false
    /// for a field or a value that is not known here.
    bool set(const QString& setting, const QString& value, const QString& node = {});
};

struct Fix {
    QString text; ///< the command line's words for it
    QString setting;
    QString value;
    QString node; ///< the setting is that machine's

    bool operator==(const Fix&) const = default;
};

struct Problem {
    QString code; ///< "PAR-01"; empty: the head would not even look
    bool warning = false;
    Trouble trouble;
    QString node;
    QList<Fix> fixes;

    bool operator==(const Problem&) const = default;
};

/// One rank of a plan and the memory of its device, in bytes.
struct PlannedRank {
    int rank = 0, stage = 0, tensorRank = 0;
    QString node;
    QString device;    ///< "cuda:0"
    Spoken deviceName; ///< for people
    int firstLayer = 0, endLayer = 0;
    quint64 weights = 0, kv = 0, activations = 0, runtime = 0;
    quint64 usable = 0; ///< of the device
    quint64 total = 0;  ///< the device has

    [[nodiscard]] quint64 needed() const { return weights + kv + activations + runtime; }
    bool operator==(const PlannedRank&) const = default;
};

struct PreflightFacts {
    QString id;
    bool possible = false;
    QList<Problem> problems;
    QList<PlannedRank> ranks;
    QString modelName;
    int maxModelLen = 0;
    int largestContext = 0;
    quint64 kvTokens = 0;
    QList<int> tensorSizes, pipelineSizes;
    QStringList dtypes;
    QList<Spoken> remarks;
};

} // namespace argus::gui

Q_DECLARE_METATYPE(argus::gui::PreflightFacts)
