// Answers one JSON request a line on stdin with one JSON line on stdout, from GitHub's own parser.
// Usage: node github_parser.mjs FOLDER   (its node_modules hold @actions/workflow-parser and @actions/expressions)
import {register, createRequire} from "node:module";
import {pathToFileURL} from "node:url";
import readline from "node:readline";

// The package imports JSON without import attributes, as bundlers allow and Node does not.
const loader = `import {readFile} from "node:fs/promises";
export async function load(url, context, next) {
  return url.endsWith(".json")
    ? {format: "json", source: await readFile(new URL(url)), shortCircuit: true}
    : next(url, context);
}`;
register("data:text/javascript," + encodeURIComponent(loader));

const folder = pathToFileURL(process.argv[2] + "/node_modules/@actions/").href;
const {Lexer, Parser, Evaluator, data} = await import(folder + "expressions/dist/index.js");
const {replacer} = await import(folder + "expressions/dist/data/replacer.js");
const {NoOperationTraceWriter, parseWorkflow, convertWorkflowTemplate} = await import(
  folder + "workflow-parser/dist/index.js"
);
const {parseAction} = await import(folder + "workflow-parser/dist/actions/action-parser.js");
const {convertActionTemplate} = await import(folder + "workflow-parser/dist/actions/action-template.js");
const {FeatureFlags} = await import(folder + "expressions/dist/features.js");
const {TemplateContext, TemplateValidationErrors} = await import(
  folder + "workflow-parser/dist/templates/template-context.js"
);
const {getWorkflowSchema} = await import(folder + "workflow-parser/dist/workflows/workflow-schema.js");
const {splitAllowedContext} = await import(folder + "workflow-parser/dist/templates/allowed-context.js");
const schemas = {
  workflow: (await import(folder + "workflow-parser/dist/workflow-v1.0.min.json", {with: {type: "json"}})).default,
  action: (await import(folder + "workflow-parser/dist/action-v1.0.min.json", {with: {type: "json"}})).default,
};

function expression({text, contexts, evaluate}) {
  const {namedContexts, functions} = splitAllowedContext(contexts);
  const tree = new Parser(new Lexer(text).lex().tokens, namedContexts, functions).parse();
  if (!evaluate) return {};
  try {
    const value = new Evaluator(tree, new data.Dictionary()).evaluate();
    // JSON has no NaN and no infinities.
    const special = value.kind === data.Kind.Number && !Number.isFinite(value.value) ? String(value.value) : null;
    return {value: JSON.parse(JSON.stringify(value, replacer)), special};
  } catch (error) {
    return {failed: String(error.message)};
  }
}

async function workflow({text}) {
  const context = new TemplateContext(new TemplateValidationErrors(), getWorkflowSchema(), new NoOperationTraceWriter());
  context.state.featureFlags = new FeatureFlags({allowBackgroundSteps: true, allowCaseFunction: true});
  const {value} = parseWorkflow({name: "ci.yml", content: text}, context);
  if (value !== undefined) {
    await convertWorkflowTemplate(context, value, undefined, {errorPolicy: 1, featureFlags: context.state.featureFlags});
  }
  return {errors: context.errors.getErrors().map(String)};
}

function action({text}) {
  const {context, value} = parseAction({name: "action.yml", content: text}, new NoOperationTraceWriter());
  if (value !== undefined) convertActionTemplate(context, value, {errorPolicy: 1});
  return {errors: context.errors.getErrors().map(String)};
}

const answers = {expression, workflow, action, schema: ({name}) => ({schema: schemas[name]})};
for await (const line of readline.createInterface({input: process.stdin})) {
  const request = JSON.parse(line);
  let answer;
  try {
    answer = {ok: true, ...(await answers[request.kind](request))};
  } catch (error) {
    answer = {ok: false, error: String(error.message)};
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
