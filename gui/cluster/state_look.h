#pragma once
// States, times and speeds of machines in words.

#include <QColor>
#include <QString>

namespace argus::gui {

struct NodeFacts;
struct DeviceFacts;
struct DeploymentFacts;
struct Trouble;

/// A state of the engine or of a machine as people see it: a word, a shape and a colour, so that no one of them has to
/// be told from the others.
struct StateLook {
    QString shape;
    QString word;
    QColor color;
};
[[nodiscard]] StateLook stateLook(const QString& state);
/// The state of a machine whose figures are that old: one that has not been heard of for long counts as lost.
[[nodiscard]] StateLook stateLook(const NodeFacts& node, double age);

/// "The head does not answer.\nWhat to do: Wait until it is back."
[[nodiscard]] QString troubleText(const Trouble& trouble);
[[nodiscard]] QString roleText(const QString& role);
/// "12 s", "5 min", "3 h 12 min", "2 d 4 h"
[[nodiscard]] QString durationText(double seconds);
/// "9.4 Gbit/s"
[[nodiscard]] QString speedText(double bytesPerSecond);
/// "Loading: 5.2 of 9.1 GiB"; empty when there is nothing to load or all is there.
[[nodiscard]] QString loadText(quint64 done, quint64 total);
/// "5.2 GiB of 9.1 GiB fetched from the head"; empty when nothing is fetched.
[[nodiscard]] QString fetchText(quint64 done, quint64 total);
/// "Rank 2 · stage 1 · tensor rank 0 · NVLink ×4 · layers 16–31"; what does not differ in this deployment is left out.
[[nodiscard]] QString placeText(const DeviceFacts& device, const DeploymentFacts& deployment);
/// "layers 16–31", "layer 16"; empty without a range
[[nodiscard]] QString layersText(int first, int end);

} // namespace argus::gui
