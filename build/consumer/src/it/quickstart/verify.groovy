def example = (new File(readme).text =~ /(?ms)^```java run\n.*?^```\n\nprints\n\n```text\n(.*?)^```$/)
assert example.find() : "README.md does not say what the Java quick start prints"
def output = new File(basedir, "target/output.txt").text.replace("\r\n", "\n")
def printed = output.readLines().findAll { !it.startsWith("WARNING: Using incubator modules") }.join("\n") + "\n"
assert printed == example.group(1)
return true
