//! The language of templates: `{{ variable }}`, `{% if … %}`, `{% elif … %}`, `{% else %}`, `{% endif %}`, and comments. A
//! condition is a variable, `not`, `and`, `or`, or a comparison with a word. Everything else of Jinja, loops, calls and
//! arithmetic, is refused where it enters, by a look at what the parser read.

use std::collections::BTreeSet;

use minijinja::{
    machinery::{
        ast::{BinOpKind, CompareOpKind, Expr, Stmt},
        parse,
    },
    syntax::SyntaxConfig,
};

use super::VARIABLES;
use crate::words::distance;

type Used = Result<(), String>;

/// The variables that a text uses, or what is wrong with it.
pub(super) fn uses(text: &str) -> Result<BTreeSet<&'static str>, String> {
    let template = parse(text, "template", SyntaxConfig::default()).map_err(|error| {
        let line = error.line().map_or_else(String::new, |line| format!(" on line {line}"));
        let told = error.detail().unwrap_or("it cannot be read").to_owned();
        format!(
            "is no template{line}: {told}; write `{{{{ name }}}}`, and close each `{{% if … %}}` with `{{% endif %}}`"
        )
    })?;
    let mut used = BTreeSet::new();
    statement(&template, &mut used)?;
    Ok(used)
}

fn statement(statement: &Stmt<'_>, used: &mut BTreeSet<&'static str>) -> Used {
    match statement {
        Stmt::Template(template) => all(&template.children, used),
        Stmt::EmitRaw(_) => Ok(()),
        Stmt::EmitExpr(emit) => match &emit.expr {
            Expr::Var(_) => condition(&emit.expr, used),
            other => Err(only(
                other.span().start_line,
                "between `{{` and `}}` stands one variable",
            )),
        },
        Stmt::IfCond(branch) => {
            condition(&branch.expr, used)?;
            all(&branch.true_body, used)?;
            all(&branch.false_body, used)
        }
        _ => Err("may hold variables and `{% if … %}` alone: no loops, assignments or other blocks".to_owned()),
    }
}

fn all(statements: &[Stmt<'_>], used: &mut BTreeSet<&'static str>) -> Used {
    statements.iter().try_for_each(|it| statement(it, used))
}

fn condition(expression: &Expr<'_>, used: &mut BTreeSet<&'static str>) -> Used {
    let line = expression.span().start_line;
    match expression {
        Expr::Var(variable) => {
            used.insert(known(variable.id, line)?);
            Ok(())
        }
        Expr::Const(_) => Ok(()),
        Expr::UnaryOp(not) => condition(&not.expr, used),
        Expr::BinOp(both)
            if matches!(
                both.op,
                BinOpKind::ScAnd | BinOpKind::ScOr | BinOpKind::Eq | BinOpKind::Ne
            ) =>
        {
            condition(&both.left, used)?;
            condition(&both.right, used)
        }
        Expr::Compare(compared)
            if compared
                .ops
                .iter()
                .all(|it| matches!(it.op, CompareOpKind::Eq | CompareOpKind::Ne)) =>
        {
            condition(&compared.expr, used)?;
            compared.ops.iter().try_for_each(|it| condition(&it.expr, used))
        }
        _ => Err(only(
            line,
            "a condition is a variable, `not`, `and`, `or`, or a comparison such as `ask == \"news\"`",
        )),
    }
}

fn only(line: u16, told: &str) -> String {
    format!("cannot say this on line {line}: {told}")
}

/// The variable of this name, or the one that was probably meant.
fn known(name: &str, line: u16) -> Result<&'static str, String> {
    if let Some(variable) = VARIABLES.iter().find(|it| it.name == name) {
        return Ok(variable.name);
    }
    let nearest = VARIABLES.iter().min_by_key(|it| distance(it.name, name));
    let meant = nearest.filter(|it| distance(it.name, name) <= 3);
    let meant = meant.map_or_else(String::new, |it| format!("; did you mean `{}`?", it.name));
    let all: Vec<&str> = VARIABLES.iter().map(|it| it.name).collect();
    Err(format!(
        "uses `{name}` on line {line}, which is no variable{meant} There are: {}",
        all.join(", ")
    ))
}
