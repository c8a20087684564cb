//! The interpreter that a component holds, where its language has one: what such a filter breaks off for is rarely what the trap says.

use memchr::memmem;

/// An interpreter, and what a trap in it mostly means.
struct Interpreter {
    /// A text that every component with it has.
    mark: &'static [u8],
    usual: &'static str,
}

const KNOWN: &[Interpreter] = &[
    Interpreter {
        mark: b"componentize_qjs_runtime",
        usual: "in JavaScript mostly a verdict that is not `keep`, `exclude` or `reject`, a reason that is no text, an `async` function, \
                the clock (`new Date()`), or no `export const rules`; `guard`, in new projects, says which",
    },
    Interpreter {
        mark: b"libpython3",
        usual: "in Python mostly an exception that nobody catches, `print`, the clock (`datetime.now`), a module that is imported only \
                when it is used (`_strptime`), or a verdict that is no `Verdict`; `guard`, in new projects, says which",
    },
];

/// What a trap of this component mostly means; none where no interpreter is known in it.
pub(crate) fn usual_trap(component: &[u8]) -> Option<&'static str> {
    KNOWN.iter().find(|known| memmem::find(component, known.mark).is_some()).map(|known| known.usual)
}
