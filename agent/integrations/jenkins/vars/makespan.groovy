// A step of a Pipeline, measured:   makespan('unit tests', 'pytest -q')
//
// Lives in a shared library (`@Library('makespan') _`); the agents have makespan on their PATH and
// MAKESPAN_ENDPOINT in their environment. Ends as `sh` would: same output, same failure.

def call(String name, String script) {
    // Durable tasks run a script that starts with `#!` as a file of its own, so the kernel calls the agent with it.
    // `sh -xe {0}` is what `sh` runs without such a line.
    sh "#!/usr/bin/env -S makespan shell --as 'sh -xe {0}' --step '${quoted(name)}'\n${script}"
}

// For `post { always { … } }` of a pipeline whose agents are thrown away.
def flush() {
    sh 'makespan flush --timeout 10 || true'
}

// env -S takes backslash and quote literally after a backslash, and `${` for a variable.
@NonCPS
private static String quoted(String name) {
    return name.replaceAll(/[\\'"$\r\n]/, '_')
}
