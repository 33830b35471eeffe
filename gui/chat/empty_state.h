#pragma once
// What the chat shows before the first question: what this is for, and samples that need one click.

#include <QAbstractButton>
#include <QWidget>

class QGridLayout;
class QLabel;

namespace argus::gui {

/// A sample: its picture (drawn by us, part of the program), the file it attaches and a question in the current
/// language.
struct Sample {
    QString picture; ///< resource
    QString file;    ///< below the samples folder
    bool video = false;
    QString question;
};

/// A card that is pressed as a whole. GUI thread.
class SampleCard final : public QAbstractButton {
    Q_OBJECT
public:
    explicit SampleCard(QWidget* parent = nullptr);
    void setSample(const Sample& sample);
    [[nodiscard]] const Sample& sample() const { return m_sample; }
    QSize sizeHint() const override { return {184, 176}; }

protected:
    void paintEvent(QPaintEvent* event) override;
    void enterEvent(QEnterEvent* event) override;
    void leaveEvent(QEvent* event) override;

private:
    Sample m_sample;
    QPixmap m_picture;
};

/// Title, one sentence and four cards. GUI thread.
class EmptyState final : public QWidget {
    Q_OBJECT
public:
    explicit EmptyState(QWidget* parent = nullptr);

signals:
    void sampleChosen(const QString& file, const QString& question);

protected:
    void changeEvent(QEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

private:
    void arrange();
    void retranslate();

    QLabel* m_icon;
    QLabel* m_title;
    QLabel* m_text;
    QGridLayout* m_grid;
    QList<SampleCard*> m_cards;
    int m_columns = 0;
};

} // namespace argus::gui
