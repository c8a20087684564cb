//! Recognizes the interpreter that a component contains, if its language has one. When such a
//! filter traps, the trap itself rarely gives the reason.

use memchr::memmem;

/// An interpreter, and the usual reason for a trap in it.
struct Interpreter {
    /// A text that every component with this interpreter contains.
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

/// The usual reason for a trap of this component; `None` if it contains no known interpreter.
pub(crate) fn usual_trap(component: &[u8]) -> Option<&'static str> {
    KNOWN.iter().find(|known| memmem::find(component, known.mark).is_some()).map(|known| known.usual)
}
