#pragma once
// Two machines that are network namespaces with a cable between them. Only root can lay one.

#include <QString>

namespace argus::tests {

/// Runs a program to its end; its exit status, -1 when it could not be run.
int call(const QString& line);

class Cable {
public:
    Cable();
    ~Cable();
    Cable(const Cable&) = delete;
    Cable& operator=(const Cable&) = delete;

    /// 10.77.0.1 in the first, 10.77.0.2 in the second. Why not, with nothing left behind, where it is not allowed.
    [[nodiscard]] QString lay();
    void remove();

    const QString one, two;           ///< namespaces
    const QString endOfOne, endOfTwo; ///< its interface in each

private:
    bool m_laid = false;
};

} // namespace argus::tests
